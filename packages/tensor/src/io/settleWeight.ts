import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../addon/loadAddon.js';
import type { TransposedWeight } from '../backend/TransposedWeight.js';

/** What a backend may have that keeps what `transposedOver` is given as it lies. */
interface SettlingBackend {
  lying?(weight: tf.TensorInfo): TransposedWeight | undefined;
}

/**
 * Bytes of memory that `settleWeight` takes for a weight; 0 where there is nothing to settle: any other tensor than one of
 * `transposedOver` on the native backend, one that has been settled, or put in order, and of float32 where products are in bf16, which
 * those of many rows would no longer be.
 */
export function bytesToSettle(weight: tf.Tensor): number {
  const lying = (tf.backend() as SettlingBackend).lying?.(weight);
  if (!lying || (lying.transposed?.format === 'float32' && loadAddon().getBf16())) return 0;
  return lying.bytesToSettle;
}

/**
 * Moves a weight of `transposedOver` from where it lies into memory of the backend's, in large pages and in the order in which a
 * product of few rows reads it: half as fast again where that waits for memory. Every number stays as it is, and every product has the
 * bits that it had in float32. The memory that the weight lay in is let go, and pages of a mapped file that have been read no
 * longer count as this process's.
 *
 * @returns the bytes that it has taken; 0 where there was nothing to settle
 */
export function settleWeight(weight: tf.Tensor): number {
  const bytes = bytesToSettle(weight);
  if (bytes > 0) (tf.backend() as SettlingBackend).lying!(weight)!.settle();
  return bytes;
}
