import type { Routing } from '@scmoe/gating';
import type * as tf from '@tensorflow/tfjs';

/** How many rows of a routing travel between the ranks that share its experts out. */
export interface JourneyCounts {
  /** Rows from here to each run of the experts. */
  readonly sendCounts: readonly number[];
  /** Rows from each rank. */
  readonly recvCounts: readonly number[];
  /** Experts of each run. */
  readonly experts: readonly number[];
}

/**
 * How rows come to the ranks of their experts and back: what an expert-parallel dispatcher leaves to somebody else. Of both ways the
 * second half waits for the first, and the gradient of each half is the other half of the other way.
 */
export interface RowPassage<InFlight extends object = object> {
  /** Starts to send packed rows, in the order of the experts. A plain object comes back, so that tf.tidy finds its tensors. */
  startOut(packed: tf.Tensor2D, counts: JourneyCounts, routing: Routing): InFlight;
  /** The rows that have come, rank by rank: (sum of recvCounts, d). */
  finishOut(inFlight: InFlight): tf.Tensor2D;
  /** Starts to send back what the experts made of those rows. */
  startBack(rows: tf.Tensor2D, counts: JourneyCounts, routing: Routing): InFlight;
  /** Rows in the order of the experts, as they went out. */
  finishBack(inFlight: InFlight): tf.Tensor2D;
}
