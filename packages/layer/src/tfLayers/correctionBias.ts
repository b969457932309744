import { ArgumentError, expectThat } from '@scmoe/errors';
import {
  balanceQuantiles,
  correctionBiasOptions,
  resolveOptions,
  updateCorrectionBias,
  type CorrectionBiasConfig,
  type ResolvedCorrectionBias,
  type Routing,
} from '@scmoe/gating';
import type * as tf from '@tensorflow/tfjs';

/** How a `tf.layers` class moves the correction bias of its router in training: see `updateCorrectionBias` of @scmoe/gating. */
export interface CorrectionBiasArgs extends CorrectionBiasConfig {}

/** Checks options and fills in defaults. @throws ArgumentError naming the option, what is allowed and what came. */
export function resolveBiasUpdate(args: CorrectionBiasArgs): ResolvedCorrectionBias {
  const update = resolveOptions(args, correctionBiasOptions);
  if (update.biasUpdateRule === 'quantile') {
    const { numGroups = 1 } = args as { numGroups?: number };
    expectThat(numGroups === 1, 'numGroups', "1 with biasUpdateRule 'quantile'", numGroups);
  }
  return update;
}

/** Moves the bias by the load of a call; nothing without a rate. */
export function moveBias(bias: tf.Variable, routings: readonly Routing[], update: ResolvedCorrectionBias): void {
  const { biasUpdateRate, biasUpdateRule, expectedTopK, biasDecay } = update;
  if (biasUpdateRate === 0) return;
  if (biasUpdateRule === 'quantile' && routings.length > 1)
    throw new ArgumentError(
      "biasUpdateRule: expected sign or proportional for DGMoE, whose tokens choose twice, got 'quantile'",
    );
  for (const routing of routings) {
    const { load, counts, experts } = routing;
    const measured = biasUpdateRule === 'quantile' ? balanceQuantiles(routing, bias) : load;
    updateCorrectionBias(bias, measured, {
      rule: biasUpdateRule,
      updateRate: biasUpdateRate,
      topK: experts.shape[1],
      expectedTopK,
      numZeroExperts: load.size - counts.size,
      decay: biasDecay,
    });
    if (measured !== load) measured.dispose();
  }
}
