import type { Routing } from '@scmoe/gating';
import { LocalDispatcher, type Dispatcher, type ExpertBatch } from '@scmoe/layer';
import * as tf from '@tensorflow/tfjs';

/** What one routing of a pass came to, as tensors of its own, for whoever records them to dispose. */
export type RecordedRouting = {
  /** (T, k) int32; -1 for padding. */
  experts: tf.Tensor2D;
  /** (T, k): what the experts' outputs are multiplied with. */
  weights: tf.Tensor2D;
  /** (T, k) int32: the row of each choice; -1 where it was dropped. */
  slots: tf.Tensor2D;
  /** (T, M) */
  scores: tf.Tensor2D;
  /** (R): the Euclidean norm of what an expert made of each row. */
  norms: tf.Tensor1D;
};

/**
 * The dispatcher of one rank, which keeps what every expert has answered: the seam where outputs of experts are rows of
 * their own, before they are weighted and summed.
 */
export class RecordingDispatcher implements Dispatcher<ExpertBatch, { rows: tf.Tensor2D }> {
  readonly numRanks = 1;
  private recorded: RecordedRouting[] = [];
  private readonly local = new LocalDispatcher();

  /** Nothing travels. */
  prepare(): void {}

  encode(tokens: tf.Tensor2D, routing: Routing): tf.Tensor2D {
    return this.local.encode(tokens, routing);
  }

  startDispatch(packed: tf.Tensor2D, routing: Routing): ExpertBatch {
    return this.local.startDispatch(packed, routing);
  }

  finishDispatch(inFlight: ExpertBatch): ExpertBatch {
    return this.local.finishDispatch(inFlight);
  }

  startCombine(rows: tf.Tensor2D): { rows: tf.Tensor2D } {
    return this.local.startCombine(rows);
  }

  finishCombine(inFlight: { rows: tf.Tensor2D }): tf.Tensor2D {
    return this.local.finishCombine(inFlight);
  }

  decode(rows: tf.Tensor2D, routing: Routing): tf.Tensor2D {
    const { experts, weights, slots, scores } = routing;
    const norms = tf.tidy(() => tf.sqrt<tf.Tensor1D>(tf.sum(tf.square(rows), 1)));
    const own = { experts, weights, slots, scores, norms };
    this.recorded.push(
      Object.fromEntries(
        Object.entries(own).map(([name, tensor]) => [name, tf.keep(tensor.clone())]),
      ) as RecordedRouting,
    );
    return this.local.decode(rows, routing);
  }

  /** Gives what was recorded since it was last asked, in the order of the model's `expertPasses`. */
  take(): RecordedRouting[] {
    const taken = this.recorded;
    this.recorded = [];
    return taken;
  }
}
