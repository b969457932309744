import type { Routing } from '@scmoe/gating';
import type { ExpertActivation } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

import { feedForward, feedForwardSpecs } from '../blocks/feedForward.js';
import { mixCoefficients, mixOutputs, mixSpecs } from '../blocks/mix.js';
import type { Mix, ResolvedRouted } from '../config/MoeConfig.js';
import { below, type ParameterRecord } from '../parameters/ParameterRecord.js';
import { under, type ParameterSpecs } from '../parameters/ParameterSpec.js';
import { executePlan } from '../plan/executePlan.js';
import { sequentialPlan } from '../plan/Plan.js';
import { tidyRecord } from '../plan/tidyRecord.js';
import type { Dispatcher } from './Dispatcher.js';
import { allExperts, type ExpertShard } from './expertShard.js';
import { LocalDispatcher } from './LocalDispatcher.js';
import { expertOperators, gate, routedSpecs, type MoeValues } from './moeOperators.js';

/** A bare expert layer: no norm, no residual. With `shared`, an expert that sees every token stands beside the routed. */
export interface ResolvedMoeLayer extends ResolvedRouted {
  activation: ExpertActivation;
  expertHidden: number;
  shared?: { hidden: number; mix: Mix };
}

/** Names, shapes and starting points of all parameters of the layer, with the experts of one rank. */
export function moeSpecs(
  d: number,
  config: ResolvedMoeLayer,
  { experts = allExperts }: { experts?: ExpertShard } = {},
): ParameterSpecs {
  const { shared, activation } = config;
  const routed = routedSpecs(d, config, experts);
  if (!shared) return routed;
  return {
    ...routed,
    ...under('shared', feedForwardSpecs(d, shared.hidden, activation)),
    ...under('mix', mixSpecs(d, shared.mix)),
  };
}

/**
 * One pass through a bare expert layer: `current` (..., d) feeds shared expert and mix, `shortcut` (the same shape,
 * `current` by default) feeds gate and experts. Returns y (..., d) and the routing of the tokens.
 */
export function runMoe(
  current: tf.Tensor,
  parameters: ParameterRecord,
  config: ResolvedMoeLayer,
  { shortcut = current, dispatcher = new LocalDispatcher() }: { shortcut?: tf.Tensor; dispatcher?: Dispatcher } = {},
): { y: tf.Tensor; routing: Routing } {
  const { activation, shared } = config;
  return tidyRecord(() => {
    const operators = expertOperators(parameters, { activation, dispatcher });
    const routing = gate(shortcut, parameters, config);
    const initial: Partial<MoeValues> = { s: shortcut, routing };
    const routed = executePlan(sequentialPlan(operators), operators, initial).routed!;
    if (!shared) return { y: routed, routing };
    const ofShared = feedForward(current, below(parameters, 'shared'), activation);
    const coefficients = mixCoefficients(current, below(parameters, 'mix'), shared.mix);
    return { y: mixOutputs(ofShared, routed, coefficients), routing };
  });
}
