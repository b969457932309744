import type { Routing } from '@scmoe/gating';
import { decode, encode } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

import type { Dispatcher, ExpertBatch } from './Dispatcher.js';

/** The dispatcher of one rank that holds all experts: nothing travels. */
export class LocalDispatcher implements Dispatcher<ExpertBatch, { rows: tf.Tensor2D }> {
  readonly numRanks = 1;
  readonly takesAllTokens = true;

  /** Nothing to know. */
  prepare(): void {}

  encode(tokens: tf.Tensor2D, { slots, numRows }: Routing): tf.Tensor2D {
    return encode(tokens, slots, { numRows });
  }

  /** Nothing travels: the rows of encode are the experts' batch. */
  startDispatch(packed: tf.Tensor2D, { counts, capacity }: Routing): ExpertBatch {
    return { rows: packed, counts, capacity };
  }

  /** The batch as startDispatch made it. */
  finishDispatch(inFlight: ExpertBatch): ExpertBatch {
    return inFlight;
  }

  startCombine(rows: tf.Tensor2D): { rows: tf.Tensor2D } {
    return { rows };
  }

  finishCombine({ rows }: { rows: tf.Tensor2D }): tf.Tensor2D {
    return rows;
  }

  rowsFrom({ counts, capacity }: Routing): readonly ArrayLike<number>[] {
    return Array.from(counts.dataSync(), (count) => [capacity > 0 ? capacity : count]);
  }

  decode(rows: tf.Tensor2D, { weights, slots }: Routing): tf.Tensor2D {
    return decode(rows, weights, slots);
  }
}
