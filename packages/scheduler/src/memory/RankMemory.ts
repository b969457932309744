/** Where the memory of a rank goes, in bytes. */
export interface RankMemory {
  /** Weights, and in training the optimizer's: two moments, and a copy in float32 of weights in less. */
  readonly parameters: number;
  /** Gradients and activations, when there is most of them. */
  readonly step: number;
}
