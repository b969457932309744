import { expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

/** What a backend may have that keeps tensors in this machine's memory. */
interface HostBackend {
  hostBytes?(dataId: tf.DataId): Uint8Array | undefined;
}

/**
 * Copies the elements of a tensor, row-major, into memory of the caller's: without a copy in between where the backend keeps
 * them in this machine's memory, for `data()` takes fresh memory each time.
 *
 * @param target as many bytes as the tensor has
 * @throws ArgumentError where it has more or fewer
 */
export async function copyBytes(tensor: tf.Tensor, target: Uint8Array): Promise<void> {
  const source = (tf.backend() as HostBackend).hostBytes?.(tensor.dataId) ?? (await bytesOf(tensor));
  expectThat(target.length === source.length, 'target', `the ${source.length} bytes of the tensor`, target.length);
  target.set(source);
}

async function bytesOf(tensor: tf.Tensor): Promise<Uint8Array> {
  const { buffer, byteOffset, byteLength } = await tensor.data();
  return new Uint8Array(buffer, byteOffset, byteLength);
}
