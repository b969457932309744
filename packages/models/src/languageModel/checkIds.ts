import { ArgumentError } from '@scmoe/errors';
import type * as tf from '@tensorflow/tfjs';

/** Checks the tokens of a pass, int32 (B, S) behind `start` others, and their mask. @throws ArgumentError saying what does not fit */
export function checkIds(
  ids: tf.Tensor2D,
  { start, mask, sequenceLength }: { start: number; mask?: tf.Tensor2D; sequenceLength: number },
): void {
  if (ids.rank !== 2 || ids.dtype !== 'int32') {
    throw new ArgumentError(
      `ids: expected int32 of shape (batch, sequence), got ${ids.dtype} (${ids.shape.join(', ')})`,
    );
  }
  if (mask && (mask.dtype !== 'bool' || mask.shape.join() !== ids.shape.join())) {
    throw new ArgumentError(
      `mask: expected bool of the shape of ids, (${ids.shape.join(', ')}), got ${mask.dtype} (${mask.shape.join(', ')})`,
    );
  }
  checkLength(start + ids.shape[1], sequenceLength);
}

/** Checks that a model can look at so many tokens. @throws ArgumentError where it can't */
export function checkLength(length: number, sequenceLength: number): void {
  if (length <= sequenceLength) return;
  throw new ArgumentError(`ids: expected at most sequenceLength = ${sequenceLength} tokens, got ${length}`);
}
