/** What is measured: one size for all contenders. */
export interface OverlapShape {
  dModel: number;
  numHeads: number;
  /** Hidden width of the MLP, of the shared expert and of each expert. */
  ffnHidden: number;
  /** Experts of all ranks together. */
  numExperts: number;
  /** Slots of each expert relative to an even share of the tokens. */
  capacityFactor: number;
  /** Sequences of a rank, and their length. */
  batchSize: number;
  sequenceLength: number;
  /** Block pairs of the whole model. */
  pairs: number;
  vocabSize: number;
}

export const defaultShape: OverlapShape = {
  dModel: 512,
  numHeads: 8,
  ffnHidden: 4096,
  numExperts: 4,
  capacityFactor: 1.25,
  batchSize: 2,
  sequenceLength: 256,
  pairs: 2,
  vocabSize: 256,
};

/** One block pair by itself, or a language model of `pairs` of them. */
export type Level = 'pair' | 'model';

/** Forward, backward and optimizer, or forward alone. */
export type Mode = 'train' | 'infer';

/** What kernels do: compute, or wait as long as they were timed to take and leave their core alone. */
export type Computation = 'kernels' | 'waits';

export const computations = ['kernels', 'waits', 'both'] as const;

/** What the kernels of a run do. `both`: they compute, and every step is run with kernels that wait beside. */
export type Computations = (typeof computations)[number];
