import { ArgumentError } from '@scmoe/errors';
import { updateCorrectionBias, type CorrectionBiasOptions, type Routing } from '@scmoe/gating';
import * as tf from '@tensorflow/tfjs';

import type { ModelStage } from './runStage.js';

/** Choices of each expert, by the name of the router's correction bias. */
export type RouterLoads = Readonly<Record<string, tf.Tensor | ArrayLike<number>>>;

/** The load of every router with a correction bias, before any choice was dropped: (N + Z) each, the caller's to dispose. */
export function routerLoads(
  stages: readonly ModelStage[],
  buffers: Readonly<Record<string, tf.Variable>>,
  routings: readonly Routing[],
): Record<string, tf.Tensor1D> {
  if (Object.keys(buffers).length === 0) return {};
  return tf.tidy(() => {
    const loads: Record<string, tf.Tensor1D> = {};
    let next = 0;
    for (const { name, config } of stages) {
      if (!config.moe) continue;
      const own = routings.slice(next, (next += config.moe.dual ? 2 : 1));
      loads[`${name}.router.correctionBias`] = tf.addN<tf.Tensor1D>(
        own.map(({ load }) => tf.cast<tf.Tensor1D>(load, 'float32')),
      );
    }
    return loads;
  });
}

/** What the routings of a pass are of, in their order. */
export function routerNames(stages: readonly ModelStage[]): string[] {
  return stages.flatMap(({ name, config: { moe } }) => {
    if (!moe) return [];
    return moe.dual ? [`${name}.router (1 of 2)`, `${name}.router (2 of 2)`] : [`${name}.router`];
  });
}

/** Moves every correction bias towards an even load (arXiv 2408.15664). @throws ArgumentError where a load is missing. */
export function updateCorrectionBiases(
  stages: readonly ModelStage[],
  buffers: Readonly<Record<string, tf.Variable>>,
  loads: RouterLoads,
  options: Pick<CorrectionBiasOptions, 'rule' | 'updateRate' | 'expectedTopK'>,
): void {
  for (const { name, config } of stages) {
    const bias = buffers[`${name}.router.correctionBias`];
    if (!bias || !config.moe) continue;
    const load = loads[`${name}.router.correctionBias`];
    if (!load)
      throw new ArgumentError(
        `loads: expected those of '${name}.router.correctionBias', got ${Object.keys(loads).join(', ') || 'none'}`,
      );
    const { topK, numZeroExperts } = config.moe;
    updateCorrectionBias(bias, load, { ...options, topK, numZeroExperts });
  }
}
