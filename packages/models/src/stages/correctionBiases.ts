import { ArgumentError, expectThat } from '@scmoe/errors';
import {
  balanceQuantiles,
  expectBiasRule,
  updateCorrectionBias,
  type CorrectionBiasConfig,
  type CorrectionBiasOptions,
  type Routing,
} from '@scmoe/gating';
import * as tf from '@tensorflow/tfjs';

import type { ModelStage } from './runStage.js';

/** Choices of each expert, or sums of quantiles, by the name of the router's correction bias. */
export type RouterLoads = Readonly<Record<string, tf.Tensor | ArrayLike<number>>>;

type Buffers = Readonly<Record<string, tf.Variable>>;

/** The load of every router with a correction bias, before any choice was dropped: (N + Z) each, the caller's to dispose. */
export function routerLoads(
  stages: readonly ModelStage[],
  buffers: Buffers,
  routings: readonly Routing[],
): Record<string, tf.Tensor1D> {
  return ofEachBias(stages, buffers, routings, (own) =>
    tf.addN<tf.Tensor1D>(own.map(({ load }) => tf.cast<tf.Tensor1D>(load, 'float32'))),
  );
}

/** The `balanceQuantiles` of every router with a correction bias: (N + 1) each, the caller's to dispose. */
export function routerQuantiles(
  stages: readonly ModelStage[],
  buffers: Buffers,
  routings: readonly Routing[],
): Record<string, tf.Tensor1D> {
  expectBalanceRule(stages, 'quantile');
  return ofEachBias(stages, buffers, routings, ([routing], bias) => balanceQuantiles(routing!, bias));
}

/** Makes sure that a rule can move the biases of all routers. @throws ArgumentError naming the option that stands against it. */
export function expectBalanceRule(stages: readonly ModelStage[], rule: CorrectionBiasConfig['biasUpdateRule']): void {
  for (const { moe } of stages.map(({ config }) => config)) {
    if (!moe) continue;
    const isFit = rule !== 'quantile' || !moe.dual;
    expectThat(isFit, 'kind', "one whose tokens choose once with the bias rule 'quantile'", 'dgmoe');
    expectBiasRule(rule, moe);
  }
}

function ofEachBias(
  stages: readonly ModelStage[],
  buffers: Buffers,
  routings: readonly Routing[],
  measure: (own: readonly Routing[], bias: tf.Variable) => tf.Tensor1D,
): Record<string, tf.Tensor1D> {
  return tf.tidy(() => {
    const measured: Record<string, tf.Tensor1D> = {};
    let next = 0;
    for (const { name, config } of stages) {
      if (!config.moe) continue;
      const own = routings.slice(next, (next += config.moe.dual ? 2 : 1));
      const bias = buffers[`${name}.router.correctionBias`];
      if (bias) measured[`${name}.router.correctionBias`] = measure(own, bias);
    }
    return measured;
  });
}

/** How the correction biases of a model move; the rest of `CorrectionBiasOptions` follows from its routers. */
export type BiasUpdate = Pick<CorrectionBiasOptions, 'rule' | 'updateRate' | 'expectedTopK' | 'decay'>;

/** What the routings of a pass are of, in their order. */
export function routerNames(stages: readonly ModelStage[]): string[] {
  return stages.flatMap(({ name, config: { moe } }) => {
    if (!moe) return [];
    return moe.dual ? [`${name}.router (1 of 2)`, `${name}.router (2 of 2)`] : [`${name}.router`];
  });
}

/** Moves every correction bias towards an even load. @throws ArgumentError where a load is missing. */
export function updateCorrectionBiases(
  stages: readonly ModelStage[],
  buffers: Buffers,
  loads: RouterLoads,
  options: BiasUpdate,
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
