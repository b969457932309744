import type { KeyValueCache } from '@scmoe/tensor';

/** Tokens that continue one sequence: what its attention keeps of those before, and how many come. */
export interface PackedPart<Cache> {
  readonly cache: Cache;
  readonly count: number;
}

/**
 * What one attention knows of several sequences that a pass continues together: the tokens of all of them lie one behind the
 * other in one row, (1, T, d), those of the first part first. Each attends to its own sequence alone; all else in a block
 * works on tokens and needs not know.
 */
export class PackedSequences<Cache = KeyValueCache> {
  constructor(readonly parts: readonly PackedPart<Cache>[]) {}
}

/** A stage's cache with packed sequences in the place of what each of its attentions remembers. */
export type Packed<Cache> = { [Attention in keyof Cache]: PackedSequences };
