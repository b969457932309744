import type { GptConfig } from '@scmoe/models';

/** A model, and how two ranks train it. */
export interface RankCase {
  config: GptConfig;
  /** Ranks that share its experts. */
  expertParallel: number;
  /** Backbone operators that run while tokens travel to the experts. */
  slot: number;
  /** Micro-batches of a step, on both ranks together. */
  accumulate: number;
  /** Whether a run stops half-way and goes on as well. */
  resumes?: true;
}

/** What a rank sends of each case. */
export type CompiledRanksReport = Record<
  string,
  {
    losses: number[];
    norms: number[];
    /** Its parameters at the end. */
    values: Float32Array[];
    /** Those of steps that run operation by operation. */
    expected: { losses: number[]; norms: number[]; values: Float32Array[] };
    /** Whether a run that stops half-way and goes on elsewhere ends with the same parameters, bit for bit. */
    isSameResumed?: boolean;
  }
>;

const small = { vocabSize: 17, numLayers: 2, dModel: 16, numHeads: 2, sequenceLength: 8, ffnHidden: 24 };

export const compiledRankCases: Record<string, RankCase> = {
  'experts shared, a capacity': {
    config: { ...small, moe: { kind: 'scmoe', numExperts: 4, topK: 2, capacityFactor: 1 } },
    expertParallel: 2,
    slot: 1,
    accumulate: 2,
  },
  // Unequal shares: the first rank has two of them.
  'experts shared, dropless': {
    config: { ...small, dropout: 0.1, moe: { kind: 'scmoe', numExperts: 3, topK: 2 } },
    expertParallel: 2,
    slot: 1,
    accumulate: 2,
    resumes: true,
  },
  'replicas, dropless': {
    config: { ...small, moe: { kind: 'scmoe', numExperts: 4 } },
    expertParallel: 1,
    slot: 0,
    accumulate: 4,
  },
};
