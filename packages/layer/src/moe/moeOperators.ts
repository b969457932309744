import { resolveRouter, routeTokens, type Routing } from '@scmoe/gating';
import { groupedFfn, type ExpertActivation } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { feedForwardSpecs } from '../blocks/feedForward.js';
import type { ResolvedRouted } from '../config/MoeConfig.js';
import { below, parameter, type ParameterRecord } from '../parameters/ParameterRecord.js';
import { under, type ParameterSpecs } from '../parameters/ParameterSpec.js';
import { operatorsOver, type Operator } from '../plan/Operator.js';
import type { Dispatcher, ExpertBatch } from './Dispatcher.js';
import { allExperts, shardSpecs, type ExpertShard } from './expertShard.js';

/** What the operators of an expert layer read and write, by name. */
export interface MoeValues {
  /** What gate and experts read: (..., d). */
  s: tf.Tensor;
  routing: Routing;
  /** Tokens in expert order, and after the exchange. */
  packed: tf.Tensor2D;
  batch: ExpertBatch;
  /** What the experts made of them, and after the exchange back. */
  computed: tf.Tensor2D;
  returned: tf.Tensor2D;
  /** Weighted sum over the chosen experts, in the shape of s. */
  routed: tf.Tensor;
}

/** The router scores all experts on every rank; of the experts themselves there are those of the shard. */
export function routedSpecs(
  d: number,
  {
    numExperts,
    expertHidden,
    activation,
    ffnBias,
  }: { numExperts: number; expertHidden: number; activation: ExpertActivation; ffnBias?: boolean },
  shard: ExpertShard = allExperts,
): ParameterSpecs {
  const experts = feedForwardSpecs(d, expertHidden, activation, { numExperts, bias: ffnBias });
  return {
    'router.weight': { shape: [d, numExperts], initial: 'normal' },
    ...under('experts', shardSpecs(experts, numExperts, shard)),
  };
}

/** Scores and choices for tokens s (..., d), which are numbered through all leading axes. */
export function gate(
  s: tf.Tensor,
  parameters: ParameterRecord,
  routed: ResolvedRouted,
  { excluded }: { excluded?: tf.Tensor2D } = {},
): Routing {
  if (excluded) throw new Error('gate: excluded experts are not supported');
  const { topK, normalizeWeights, capacityFactor, minCapacity, dropPolicy, capacityOrder } = routed;
  const options = { topK, normalizeWeights, capacityFactor, minCapacity, dropPolicy, capacityOrder };
  const router = resolveRouter({ numExperts: routed.numExperts, ...options });
  return routeTokens(asTokens(s), below(parameters, 'router'), router);
}

/** The five operators from routed tokens to their routed output; `gate` comes before, in the hands of the layer. */
export function expertOperators(
  parameters: ParameterRecord,
  { activation, dispatcher }: { activation: ExpertActivation; dispatcher: Dispatcher },
): Operator<MoeValues>[] {
  const { computation, exchange } = operatorsOver<MoeValues>();
  return [
    computation({
      kind: 'encode',
      inputs: ['s', 'routing'],
      outputs: ['packed'],
      run: ({ s, routing }) => ({ packed: dispatcher.encode(asTokens(s), routing) }),
    }),
    exchange({
      kind: 'dispatch',
      inputs: ['packed', 'routing'],
      outputs: ['batch'],
      start: ({ packed, routing }) => dispatcher.startDispatch(packed, routing),
      finish: (inFlight) => ({ batch: dispatcher.finishDispatch(inFlight) }),
    }),
    computation({
      kind: 'expert',
      inputs: ['batch'],
      outputs: ['computed'],
      run: ({ batch: { rows, counts, capacity } }) => ({
        computed: groupedFfn(rows, counts, expertWeights(below(parameters, 'experts'), activation), {
          activation,
          capacity,
        }),
      }),
    }),
    exchange({
      kind: 'combine',
      inputs: ['computed', 'routing'],
      outputs: ['returned'],
      start: ({ computed, routing }) => dispatcher.startCombine(computed, routing),
      finish: (inFlight) => ({ returned: dispatcher.finishCombine(inFlight) }),
    }),
    computation({
      kind: 'decode',
      inputs: ['s', 'returned', 'routing'],
      outputs: ['routed'],
      run: ({ s, returned, routing }) => ({ routed: tf.reshape(dispatcher.decode(returned, routing), s.shape) }),
    }),
  ];
}

/** The stacked weights as the grouped FFN takes them; biases where there are any. */
function expertWeights(experts: ParameterRecord, activation: ExpertActivation) {
  const stack = (name: string) => parameter<tf.Tensor3D>(experts, name);
  const bias = (name: string) => experts[name] as tf.Tensor2D | undefined;
  if (activation !== 'swiglu') return { w1: stack('w1'), b1: bias('b1'), w2: stack('w2'), b2: bias('b2') };
  return {
    gate: stack('gate'),
    gateBias: bias('gateBias'),
    up: stack('up'),
    upBias: bias('upBias'),
    down: stack('down'),
    downBias: bias('downBias'),
  };
}

/** (..., d) -> (T, d); the same tensor where it already is. */
function asTokens(x: tf.Tensor): tf.Tensor2D {
  return x.rank === 2 ? (x as tf.Tensor2D) : tf.reshape(x, [-1, x.shape.at(-1)!]);
}
