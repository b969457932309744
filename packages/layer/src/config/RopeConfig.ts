import { expectThat } from '@scmoe/errors';
import type { OptionSpecs, OptionsOf, ResolvedOptions } from '@scmoe/gating';

/** Angles changed for texts longer than those of the pretraining; the names of published configurations stand behind. */
export const ropeScalingOptions = {
  /**
   * `linear` divides all angles; `llama3` those of slow pairs alone; `yarn` (Peng et al., arXiv 2309.00071) as well, and
   * makes queries and keys larger; `longrope` (Ding et al., arXiv 2402.13753, as Phi-3.5-MoE has it in transformers) divides
   * each pair's by a factor of its own.
   */
  type: {
    type: 'choice',
    choices: ['linear', 'llama3', 'yarn', 'longrope'],
    required: true,
    help: 'which angles are scaled',
  },
  /** How many times longer texts may be (`factor`). */
  factor: { type: 'number', above: 0, required: true, help: 'how many times longer texts may be' },
  /** Length of the texts of the pretraining (`original_max_position_embeddings`); `linear` has no use for it. */
  originalLength: { type: 'integer', minimum: 1, optional: true, help: 'tokens of the texts before' },
  /** Turns over the original length below which a pair is scaled, and above which it is not; `llama3` alone. */
  lowFrequencyFactor: { type: 'number', above: 0, default: 1, help: 'turns below which a pair is scaled' },
  highFrequencyFactor: { type: 'number', above: 0, default: 4, help: 'turns above which a pair is not scaled' },
  /** Turns over the original length above which a pair is not scaled, and below which it is; `yarn` alone. */
  betaFast: { type: 'number', above: 0, default: 32, help: 'turns above which a pair is not scaled' },
  betaSlow: { type: 'number', above: 0, default: 1, help: 'turns below which a pair is scaled' },
  /** The pairs between which the scaling sets in are whole ones; `yarn` alone. */
  truncate: { type: 'boolean', default: true, help: 'scaling sets in between whole pairs' },
  /** Factor on queries and keys, in place of the one that follows from `factor` and both `mscale`; `yarn` alone. */
  attentionFactor: { type: 'number', above: 0, optional: true, help: 'factor on queries and keys' },
  /** Weights of ln(factor) in the factor on queries and keys, one divided by the other (DeepSeek); `yarn` alone. */
  mscale: { type: 'number', minimum: 0, default: 0, help: 'weight of ln(factor) in the factor on queries and keys' },
  mscaleAllDim: { type: 'number', minimum: 0, default: 0, help: 'the same of what divides it' },
  /** What the angle of each pair is divided by; `longrope` alone. */
  shortFactors: { type: 'numbers', minimum: 0, optional: true, help: 'what the angle of each pair is divided by' },
  /** The same for longer texts. Kept for export: the family in transformers 5.24 turns by `shortFactors` at every length. */
  longFactors: { type: 'numbers', minimum: 0, optional: true, help: 'the same for longer texts, which nothing reads' },
  /** Factors on queries and keys of calls within the original length and beyond it; `longrope` alone. */
  shortMscale: { type: 'number', above: 0, default: 1, help: 'factor on queries and keys within the original length' },
  longMscale: { type: 'number', above: 0, default: 1, help: 'factor on queries and keys beyond the original length' },
} as const satisfies OptionSpecs;

/** Angles changed for texts longer than those of the pretraining. */
export interface RopeScalingConfig extends OptionsOf<typeof ropeScalingOptions> {}
/** The same with every option decided. */
export interface ResolvedRopeScaling extends ResolvedOptions<typeof ropeScalingOptions> {}

/** Rotation of queries and keys by position (RoPE). */
export const ropeOptions = {
  style: { type: 'choice', choices: ['half', 'interleaved'], required: true, help: 'which components turn together' },
  theta: { type: 'number', above: 0, default: 10000, help: 'base of the angles' },
  /** Components of each head that turn, the first ones; all by default. */
  size: { type: 'integer', minimum: 2, optional: true, help: 'components of each head that turn' },
  scaling: {
    type: 'record',
    options: ropeScalingOptions,
    optional: true,
    flag: false,
    help: 'angles for longer texts than those of the pretraining',
  },
} as const satisfies OptionSpecs;

/** Rotation of queries and keys by position (RoPE). */
export interface RopeConfig extends OptionsOf<typeof ropeOptions> {}
/** The same with every option decided. */
export interface ResolvedRope extends ResolvedOptions<typeof ropeOptions> {}

/** Checks the rules between the options of a rotation. @throws ArgumentError naming the option, what is allowed and what came */
export function expectRope({ size, scaling }: ResolvedRope, headSize: number, within = 'rope'): void {
  if (size === undefined)
    expectThat(headSize % 2 === 0, within, 'an even head size (headSize, or dModel/numHeads)', headSize);
  const fits = size === undefined || (size % 2 === 0 && size <= headSize);
  expectThat(fits, `${within}.size`, `an even number up to the head size ${headSize}`, size);
  if (!scaling) return;
  const { type, originalLength, lowFrequencyFactor: low, highFrequencyFactor: high } = scaling;
  const isKnown = type === 'linear' || originalLength !== undefined;
  expectThat(isKnown, `${within}.scaling.originalLength`, `an integer of at least 1 for ${type}`, originalLength);
  if (type === 'longrope') expectFactors(scaling, (size ?? headSize) / 2, within);
  const isOrdered = type !== 'llama3' || high > low;
  expectThat(isOrdered, `${within}.scaling.highFrequencyFactor`, `a number > lowFrequencyFactor = ${low}`, high);
}

function expectFactors(scaling: ResolvedRopeScaling, numPairs: number, within: string): void {
  for (const name of ['shortFactors', 'longFactors'] as const) {
    const factors = scaling[name];
    const isRight = factors?.length === numPairs && factors.every((factor) => factor > 0);
    expectThat(isRight, `${within}.scaling.${name}`, `${numPairs} numbers > 0, one for each pair`, factors);
  }
}
