import { expectPositiveInteger, expectRecord, expectText, expectThat, expectWholeNumber } from '@scmoe/errors';

/**
 * Whose part of a checkpoint a folder holds, where each rank of a run saves its own: its shard of the experts, its slices, and a copy
 * of all that every rank holds. A checkpoint of one rank, or of rank 0 for all, has no parts.
 */
export interface CheckpointPart {
  rank: number;
  /** Ranks of the run, each of which has such a part. */
  size: number;
  /** Ranks that share the experts of a model, E: ranks g E to g E + E - 1 together hold all of them. */
  expertParallel: number;
  /** Neighbours that hold a slice each of attentions, MLPs and shared experts. Default: 1, they are whole. */
  tensorParallel?: number;
  /** Neighbours that hold a slice each of the same experts. Default: 1. */
  expertShards?: number;
  /** Equal for the parts of one checkpoint, and for no others. */
  id: string;
}

/** Checks that somebody's `part` is one. @throws ArgumentError naming the field that is none */
export function checkPart(part: unknown): asserts part is CheckpointPart {
  expectRecord('part', part);
  const { rank, size, expertParallel, tensorParallel = 1, expertShards = 1, id } = part;
  expectPositiveInteger('part.size', size);
  expectWholeNumber('part.rank', rank);
  expectThat(rank < size, 'part.rank', `a rank of ${size}, 0 to ${size - 1}`, rank);
  expectPositiveInteger('part.expertParallel', expertParallel);
  expectThat(size % expertParallel === 0, 'part.expertParallel', `a divisor of the ${size} ranks`, expertParallel);
  for (const [name, number] of Object.entries({ tensorParallel, expertShards })) {
    expectPositiveInteger(`part.${name}`, number);
    const isDivisor = expertParallel % number === 0;
    expectThat(isDivisor, `part.${name}`, `a divisor of the ${expertParallel} ranks of an expert group`, number);
  }
  expectText('part.id', id);
}
