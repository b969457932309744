import { expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { float32ToBf16 } from './halfPrecision.js';

/** What a backend may have that keeps tensors in this machine's memory. */
interface HostBackend {
  copyOut?(dataId: tf.DataId, target: Uint8Array): number | undefined;
}

/**
 * Copies the elements of a tensor, row-major, into memory of the caller's: without a copy in between where the backend keeps
 * them in this machine's memory, for `data()` takes fresh memory each time.
 *
 * @param target as many bytes as the tensor has
 * @throws ArgumentError where it has more or fewer
 */
export async function copyBytes(tensor: tf.Tensor, target: Uint8Array): Promise<void> {
  const size = (tf.backend() as HostBackend).copyOut?.(tensor.dataId, target) ?? (await copyData(tensor, target));
  expectThat(target.length === size, 'target', `the ${size} bytes of the tensor`, target.length);
}

/**
 * The same of float32 numbers in bfloat16, rounded where they are others.
 *
 * @param target two bytes for each
 */
export async function copyBf16(tensor: tf.Tensor, target: Uint8Array): Promise<void> {
  expectThat(target.length === tensor.size * 2, 'target', `the ${tensor.size * 2} bytes of the tensor`, target.length);
  if ((tf.backend() as HostBackend).copyOut?.(tensor.dataId, target) === target.length) return;
  const { buffer } = float32ToBf16((await tensor.data()) as Float32Array);
  target.set(new Uint8Array(buffer));
}

/** @returns the bytes of the tensor, all copied where the target has as many */
async function copyData(tensor: tf.Tensor, target: Uint8Array): Promise<number> {
  const { buffer, byteOffset, byteLength } = await tensor.data();
  if (target.length === byteLength) target.set(new Uint8Array(buffer, byteOffset, byteLength));
  return byteLength;
}
