import { expectThat } from '@scmoe/errors';
import type { OptionSpecs, OptionsOf, ResolvedOptions } from '@scmoe/gating';

/** Sizes of a gated delta network (Gated DeltaNet, arXiv 2412.06464, as Qwen3-Next has it). */
export const gatedDeltaOptions = {
  /** Heads of queries and keys, each shared by numValueHeads/numKeyHeads value heads. */
  numKeyHeads: { type: 'integer', minimum: 1, required: true, help: 'heads of queries and keys' },
  /** Heads of values, each with a state of its own. */
  numValueHeads: { type: 'integer', minimum: 1, required: true, help: 'heads of values' },
  keyHeadDim: { type: 'integer', minimum: 1, required: true, help: 'components of a query or key' },
  valueHeadDim: { type: 'integer', minimum: 1, required: true, help: 'components of a value' },
  /** Tokens that the convolution of queries, keys and values covers, the newest included. */
  convTaps: { type: 'integer', minimum: 1, default: 4, help: 'tokens that the short convolution covers' },
} as const satisfies OptionSpecs;

/** Sizes of a gated delta network: see `gatedDeltaOptions`. */
export interface GatedDeltaConfig extends OptionsOf<typeof gatedDeltaOptions> {}
/** The same with every option decided. */
export interface ResolvedGatedDelta extends ResolvedOptions<typeof gatedDeltaOptions> {}

/** What a gated delta network has to know of the block around it. */
export interface GatedDeltaContext {
  dModel: number;
  /** Epsilon of the norm of its outputs. */
  normEpsilon: number;
  gatedDelta: ResolvedGatedDelta;
}

/** Checks the rules between the options. @throws ArgumentError naming the option, what is allowed and what came */
export function expectGatedDelta({ numKeyHeads, numValueHeads }: ResolvedGatedDelta): void {
  const divides = numValueHeads % numKeyHeads === 0;
  expectThat(divides, 'gatedDelta.numValueHeads', `a multiple of numKeyHeads = ${numKeyHeads}`, numValueHeads);
}
