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

import type { ModelRouter } from './modelRouters.js';

/** Choices of each expert, or sums of quantiles, by the name of the router's correction bias. */
export type RouterLoads = Readonly<Record<string, tf.Tensor | ArrayLike<number>>>;

type Buffers = Readonly<Record<string, tf.Variable>>;

/** The load of every router with a correction bias, before any choice was dropped: (N + Z) each, the caller's to dispose. */
export function routerLoads(
  routers: readonly ModelRouter[],
  buffers: Buffers,
  routings: readonly Routing[],
): Record<string, tf.Tensor1D> {
  return ofEachBias(routers, buffers, routings, (own) =>
    tf.addN<tf.Tensor1D>(own.map(({ load }) => tf.cast<tf.Tensor1D>(load, 'float32'))),
  );
}

/** The `balanceQuantiles` of every router with a correction bias: (N + 1) each, the caller's to dispose. */
export function routerQuantiles(
  routers: readonly ModelRouter[],
  buffers: Buffers,
  routings: readonly Routing[],
): Record<string, tf.Tensor1D> {
  expectBalanceRule(routers, 'quantile');
  return ofEachBias(routers, buffers, routings, ([routing], bias) => balanceQuantiles(routing!, bias));
}

/** Makes sure that a rule can move the biases of all routers. @throws ArgumentError naming the option that stands against it. */
export function expectBalanceRule(routers: readonly ModelRouter[], rule: CorrectionBiasConfig['biasUpdateRule']): void {
  for (const { config, choosesTwice } of routers) {
    const isFit = rule !== 'quantile' || !choosesTwice;
    expectThat(isFit, 'kind', "one whose tokens choose once with the bias rule 'quantile'", 'dgmoe');
    expectBiasRule(rule, config);
  }
}

function ofEachBias(
  routers: readonly ModelRouter[],
  buffers: Buffers,
  routings: readonly Routing[],
  measure: (own: readonly Routing[], bias: tf.Variable) => tf.Tensor1D,
): Record<string, tf.Tensor1D> {
  return tf.tidy(() => {
    const measured: Record<string, tf.Tensor1D> = {};
    let next = 0;
    for (const { name, choosesTwice } of routers) {
      const own = routings.slice(next, (next += choosesTwice ? 2 : 1));
      const bias = buffers[`${name}.correctionBias`];
      if (bias) measured[`${name}.correctionBias`] = measure(own, bias);
    }
    return measured;
  });
}

/** How the correction biases of a model move; the rest of `CorrectionBiasOptions` follows from its routers. */
export type BiasUpdate = Pick<CorrectionBiasOptions, 'rule' | 'updateRate' | 'expectedTopK' | 'decay'>;

/** Moves every correction bias towards an even load. @throws ArgumentError where a load is missing. */
export function updateCorrectionBiases(
  routers: readonly ModelRouter[],
  buffers: Buffers,
  loads: RouterLoads,
  options: BiasUpdate,
): void {
  for (const { name, config } of routers) {
    const bias = buffers[`${name}.correctionBias`];
    if (!bias) continue;
    const load = loads[`${name}.correctionBias`];
    if (!load)
      throw new ArgumentError(
        `loads: expected those of '${name}.correctionBias', got ${Object.keys(loads).join(', ') || 'none'}`,
      );
    const { topK, numZeroExperts } = config;
    updateCorrectionBias(bias, load, { ...options, topK, numZeroExperts });
  }
}
