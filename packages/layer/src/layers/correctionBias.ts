import { expectNonNegative, expectOneOf, expectPositive } from '@scmoe/errors';
import { updateCorrectionBias, type Routing } from '@scmoe/gating';
import type * as tf from '@tensorflow/tfjs';

/** How training moves the correction bias of a router that has one: see `updateCorrectionBias` of @scmoe/gating. */
export interface CorrectionBiasArgs {
  /** Change per training call; 0 leaves the bias alone. */
  biasUpdateRate?: number;
  biasUpdateRule?: 'sign' | 'proportional';
  /** For `proportional`: how many of a token's topK choices should compute something; all by default. */
  expectedTopK?: number;
}

export type ResolvedBiasUpdate = Required<Pick<CorrectionBiasArgs, 'biasUpdateRate' | 'biasUpdateRule'>> &
  Pick<CorrectionBiasArgs, 'expectedTopK'>;

/** @throws ArgumentError naming the option, what is allowed and what came. */
export function resolveBiasUpdate(args: CorrectionBiasArgs): ResolvedBiasUpdate {
  const { biasUpdateRate = 1e-3, biasUpdateRule = 'sign', expectedTopK } = args;
  expectNonNegative('biasUpdateRate', biasUpdateRate);
  expectOneOf('biasUpdateRule', biasUpdateRule, ['sign', 'proportional']);
  if (expectedTopK !== undefined) expectPositive('expectedTopK', expectedTopK);
  return { biasUpdateRate, biasUpdateRule, expectedTopK };
}

/** Moves the bias by the load of a call; nothing without a rate. */
export function moveBias(bias: tf.Variable, routings: readonly Routing[], update: ResolvedBiasUpdate): void {
  const { biasUpdateRate, biasUpdateRule, expectedTopK } = update;
  if (biasUpdateRate === 0) return;
  for (const { load, counts, experts } of routings) {
    updateCorrectionBias(bias, load, {
      rule: biasUpdateRule,
      updateRate: biasUpdateRate,
      topK: experts.shape[1],
      expectedTopK,
      numZeroExperts: load.size - counts.size,
    });
  }
}
