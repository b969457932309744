import { createHash } from 'node:crypto';

import * as tf from '@tensorflow/tfjs';

import { float32ToBf16 } from './halfPrecision.js';
import {
  checkData,
  type DeferredTensor,
  isRoundedHere,
  layOutSafetensors,
  type WritableTensor,
} from './safetensorsLayout.js';
import type { SafetensorsArray } from './safetensorsHeader.js';
import type { StoredTensor } from './storedTensor.js';
import { writeAll, writeAtomically } from './writeAtomically.js';

/**
 * Writes a safetensors file, one tensor after another, so no more than one is copied to the host at a time. The file
 * appears under its name only when it is complete and flushed to disk; a file that was there stays until then.
 *
 * @param metadata strings stored in the header.
 * @returns the file's size and its checksum, taken on the way.
 * @throws ArgumentError where a tensor's dtype can't be written or its data does not fit its shape; the system's error
 *   (no space, no permission) where the file can't be written, after removing what was begun.
 */
export async function writeSafetensors(
  path: string,
  tensors: Record<string, WritableTensor>,
  { metadata = {} }: { metadata?: Record<string, string> } = {},
): Promise<{ bytes: number; sha256: string }> {
  const { header, names, bytes } = layOutSafetensors(tensors, { metadata });
  const hash = createHash('sha256');
  await writeAtomically(path, async (file) => {
    const write = (bytes: Uint8Array) => writeAll(file, bytes, (part) => hash.update(part));
    await write(header);
    for (const name of names) await write(await bytesOf(name, tensors[name]!));
  });
  return { bytes, sha256: hash.digest('hex') };
}

async function bytesOf(name: string, tensor: WritableTensor): Promise<Uint8Array> {
  const data = tensor instanceof tf.Tensor ? await tensor.data() : await hostData(name, tensor);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

async function hostData(name: string, tensor: StoredTensor | DeferredTensor): Promise<SafetensorsArray> {
  let { data } = tensor;
  if (typeof data === 'function') {
    data = await data();
    checkData(name, tensor, data);
  }
  return isRoundedHere(tensor.dtype, data) ? float32ToBf16(data) : data;
}
