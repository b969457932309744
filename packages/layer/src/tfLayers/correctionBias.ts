import {
  resolveOptions,
  updateCorrectionBias,
  type OptionSpecs,
  type OptionsOf,
  type ResolvedOptions,
  type Routing,
} from '@scmoe/gating';
import type * as tf from '@tensorflow/tfjs';

/** How training moves the correction bias of a router that has one: see `updateCorrectionBias` of @scmoe/gating. */
export const correctionBiasOptions = {
  /** Change per training call; 0 leaves the bias alone. */
  biasUpdateRate: { type: 'number', minimum: 0, default: 1e-3, help: 'change of the correction bias per call' },
  biasUpdateRule: {
    type: 'choice',
    choices: ['sign', 'proportional'],
    default: 'sign',
    help: 'how the correction bias moves',
  },
  /** How many of a token's topK choices should compute something, for `proportional`; all where it is not given. */
  expectedTopK: { type: 'number', above: 0, optional: true, help: 'choices of a token that should compute something' },
} as const satisfies OptionSpecs;

/** How a `tf.layers` class moves the correction bias of its router in training. */
export interface CorrectionBiasArgs extends OptionsOf<typeof correctionBiasOptions> {}
export interface ResolvedBiasUpdate extends ResolvedOptions<typeof correctionBiasOptions> {}

/** Checks options and fills in defaults. @throws ArgumentError naming the option, what is allowed and what came. */
export function resolveBiasUpdate(args: CorrectionBiasArgs): ResolvedBiasUpdate {
  return resolveOptions(args, correctionBiasOptions);
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
