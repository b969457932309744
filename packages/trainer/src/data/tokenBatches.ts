import { UserError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { randomStarts } from './randomStarts.js';
import type { TokenSequence } from './tokenizeCorpus.js';

/** Token ids and the ids that follow them, both (B, S) int32. */
export type TokenBatch = { ids: tf.Tensor2D; targets: tf.Tensor2D };

/** Size of a batch: rows, and tokens of each row. */
export interface BatchShape {
  batchSize: number;
  sequenceLength: number;
}

/**
 * Batches of windows drawn uniformly, with replacement. Batch `index` is a function of (seed, index) alone, so a resumed
 * run needs no state to see the data it would have seen; and of the rows' numbers alone, so that two batches of 8 hold
 * the rows of one batch of 16.
 *
 * @throws UserError when there are too few tokens for one window.
 */
export function randomTokenBatches(
  { ids }: TokenSequence,
  { batchSize, sequenceLength, seed }: BatchShape & { seed: number },
): (index: number) => TokenBatch {
  if (ids.length <= sequenceLength)
    throw new UserError(
      `The data is too short: expected at least ${sequenceLength + 1} tokens in the training split ` +
        `(sequence length ${sequenceLength} and the token after it), got ${ids.length}.`,
    );
  const numStarts = ids.length - sequenceLength;
  return (index) =>
    windows(ids, randomStarts(numStarts, { seed, first: index * batchSize, count: batchSize }), sequenceLength);
}

/**
 * Batches that cover a sequence from its first to its last token, each token predicted once: windows side by side, and a
 * shorter one at the end as a batch of its own, which is all there is of a sequence shorter than a window. With `maxBatches`,
 * so many full batches spread evenly over it.
 *
 * @returns batches with the number of tokens they predict
 * @throws UserError when there are fewer than two tokens.
 */
export function* sequentialTokenBatches(
  { ids }: TokenSequence,
  { batchSize, sequenceLength, maxBatches = 0 }: BatchShape & { maxBatches?: number },
): Generator<{ batch: TokenBatch; weight: number }> {
  if (ids.length < 2)
    throw new UserError(`The data is too short: expected at least 2 tokens to predict one of them, got ${ids.length}.`);
  const numWindows = Math.floor((ids.length - 1) / sequenceLength);
  const numChosen = maxBatches > 0 ? Math.min(numWindows, maxBatches * batchSize) : numWindows;
  for (let first = 0; first < numChosen; first += batchSize) {
    const rows = Math.min(batchSize, numChosen - first);
    const starts = Array.from({ length: rows }, (_, row) => {
      return Math.floor(((first + row) * numWindows) / numChosen) * sequenceLength;
    });
    yield { batch: windows(ids, starts, sequenceLength), weight: rows * sequenceLength };
  }
  const rest = ids.length - 1 - numWindows * sequenceLength;
  if (numChosen === numWindows && rest > 0) {
    yield { batch: windows(ids, [numWindows * sequenceLength], rest), weight: rest };
  }
}

function windows(ids: ArrayLike<number>, starts: readonly number[], length: number): TokenBatch {
  const inputs = new Int32Array(starts.length * length);
  const targets = new Int32Array(starts.length * length);
  for (const [row, start] of starts.entries()) {
    for (let i = 0; i < length; i++) {
      inputs[row * length + i] = ids[start + i]!;
      targets[row * length + i] = ids[start + i + 1]!;
    }
  }
  const shape: [number, number] = [starts.length, length];
  return { ids: tf.tensor2d(inputs, shape, 'int32'), targets: tf.tensor2d(targets, shape, 'int32') };
}
