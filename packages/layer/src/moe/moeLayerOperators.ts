import type * as tf from '@tensorflow/tfjs';

import { normalize, normSpecs, type NormOptions } from '../sublayers/normalize.js';
import type { InputNorm } from '../sublayers/shortcutNorm.js';
import type { ResolvedExperts } from '../config/MoeConfig.js';
import { below, type ParameterRecord } from '../parameters/ParameterRecord.js';
import { under, type ParameterSpecs } from '../parameters/ParameterSpec.js';
import { operatorsOver, type Operator } from '../plan/Operator.js';
import { slicedSpecs } from '../tensorParallel/tensorAxis.js';
import type { ShardOptions } from './expertShard.js';
import { moeSublayer, sublayerSpecs, type MoeContext, type SublayerValues } from './moeSublayer.js';

/** A bare expert layer: no residual, and a norm on the shortcut at most. */
export interface ResolvedMoeLayer extends ResolvedExperts {
  /** Norm of the shortcut before gate and experts; absent: none. */
  shortcutNorm?: NormOptions;
}

/** Everything that the operators of a bare expert layer read and write; u and shortcut are its inputs (..., d). */
export interface MoeLayerValues extends SublayerValues {
  shortcut: tf.Tensor;
  y: tf.Tensor;
}

/** Names, shapes and starting points of all parameters of the layer, with the experts of one rank. */
export function moeSpecs(d: number, config: ResolvedMoeLayer, { experts, tensor }: ShardOptions = {}): ParameterSpecs {
  const { shortcutNorm } = config;
  const specs = {
    ...(shortcutNorm && under('normShortcut', normSpecs(d, shortcutNorm.norm))),
    ...sublayerSpecs(d, config, experts),
  };
  return tensor ? slicedSpecs(specs, tensor) : specs;
}

/** The operators of a bare expert layer, in the order of the sequential plan. */
export function moeLayerOperators(
  parameters: ParameterRecord,
  config: ResolvedMoeLayer,
  context: MoeContext = {},
): Operator<MoeLayerValues>[] {
  const { shortcutNorm } = config;
  const norm: InputNorm | undefined = shortcutNorm && {
    apply: (x) => normalize(x, below(parameters, 'normShortcut'), shortcutNorm),
    cost: (of) => [of.norm(shortcutNorm.norm)],
  };
  const { routed, current, summands, sum } = moeSublayer<MoeLayerValues>(
    parameters,
    config,
    { tap: 'shortcut', norm },
    context,
  );
  const output = operatorsOver<MoeLayerValues>().computation({
    kind: 'output',
    inputs: summands,
    outputs: ['y'],
    run: (values) => ({ y: sum(values) }),
    // Of one summand there is nothing to add.
    cost: (of) => (summands.length > 1 ? [of.sum(summands.length)] : []),
  });
  return [...routed, ...current, output];
}
