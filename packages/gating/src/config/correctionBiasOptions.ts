import type { OptionSpecs, OptionsOf, ResolvedOptions } from '../options/OptionSpec.js';

/** How training moves the correction bias of a router that has one: the options of `updateCorrectionBias`, as a table. */
export const correctionBiasOptions = {
  /** Change per step by the rules `sign` and `proportional`; 0 leaves the bias alone, whatever the rule. */
  biasUpdateRate: {
    type: 'number',
    minimum: 0,
    default: 1e-3,
    help: 'how far a correction bias moves after a step; 0: not at all',
  },
  biasUpdateRule: {
    type: 'choice',
    choices: ['sign', 'proportional', 'quantile'],
    default: 'sign',
    help: 'how a correction bias moves: by the sign of what an expert lacks, by how much it lacks, or to where the load is even',
  },
  /** How many of a token's topK choices should compute something, for `proportional`; all where it is not given. */
  expectedTopK: {
    type: 'number',
    above: 0,
    optional: true,
    help: 'choices of a token that should compute something, for the rule proportional',
  },
  /** The share of a bias that a step keeps, for `quantile`. */
  biasDecay: {
    type: 'number',
    minimum: 0,
    below: 1,
    default: 0,
    help: 'share of a correction bias that a step keeps, for the rule quantile',
  },
} as const satisfies OptionSpecs;

/** How a correction bias is to move, as far as it is given. */
export interface CorrectionBiasConfig extends OptionsOf<typeof correctionBiasOptions> {}

/** How a correction bias moves, with every option decided. */
export interface ResolvedCorrectionBias extends ResolvedOptions<typeof correctionBiasOptions> {}
