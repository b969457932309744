import type { CachedPart } from '@scmoe/tensor';

/**
 * What one attention knows of several sequences that a pass continues together: the tokens of all of them lie one behind the
 * other in one row, (1, T, d), those of the first part first. Each attends to its own sequence alone; all else in a block
 * works on tokens and needs not know.
 */
export class PackedSequences {
  constructor(readonly parts: readonly CachedPart[]) {}
}

/** A stage's cache with packed sequences in the place of what each of its attentions remembers. */
export type Packed<Cache> = { [Attention in keyof Cache]: PackedSequences };
