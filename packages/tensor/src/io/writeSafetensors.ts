import { createHash } from 'node:crypto';

import { ArgumentError, expectOneOf, expectText } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { float32ToBf16 } from './halfPrecision.js';
import type { StoredTensor } from './storedTensor.js';
import {
  arrayTypes,
  elementCount,
  type SafetensorsArray,
  type SafetensorsDtype,
  type SafetensorsEntry,
} from './safetensorsHeader.js';
import { writeAll, writeAtomically } from './writeAtomically.js';

/** Host data that is made when its turn comes to be written, and not kept. */
export interface DeferredTensor {
  dtype: SafetensorsDtype;
  shape: number[];
  /** Makes the elements, in row-major order. */
  data: () => SafetensorsArray | Promise<SafetensorsArray>;
}

/**
 * What can be written: a tensor (F32, I32 or BOOL), or host data, there or deferred; BF16 also from float32 numbers,
 * rounded here.
 */
export type WritableTensor = tf.Tensor | StoredTensor | DeferredTensor;

const tensorDtypes: Partial<Record<tf.DataType, SafetensorsDtype>> = { float32: 'F32', int32: 'I32', bool: 'BOOL' };

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
  const entries = layOut(tensors);
  const header = encodeHeader(entries, metadata);
  const hash = createHash('sha256');
  await writeAtomically(path, async (file) => {
    const write = (bytes: Uint8Array) => writeAll(file, bytes, (part) => hash.update(part));
    await write(header);
    for (const { name } of entries) await write(await bytesOf(name, tensors[name]!));
  });
  return { bytes: header.length + (entries.at(-1)?.end ?? 0), sha256: hash.digest('hex') };
}

/** Wide elements first, so that every tensor is aligned to its element size; otherwise in the order given. */
function layOut(tensors: Record<string, WritableTensor>): SafetensorsEntry[] {
  const described = Object.entries(tensors).map(([name, tensor]) => describe(name, tensor));
  described.sort((a, b) => elementBytes(b.dtype) - elementBytes(a.dtype));
  let position = 0;
  return described.map((tensor) => {
    const begin = position;
    position += elementCount(tensor.shape) * elementBytes(tensor.dtype);
    return { ...tensor, begin, end: position };
  });
}

function describe(name: string, tensor: WritableTensor): { name: string; dtype: SafetensorsDtype; shape: number[] } {
  if (name === '__metadata__') throw new ArgumentError("tensors: expected any name but '__metadata__', got that");
  if (tensor instanceof tf.Tensor) {
    const dtype = tensorDtypes[tensor.dtype];
    if (!dtype) throw new ArgumentError(`'${name}': expected a dtype that safetensors knows, got ${tensor.dtype}`);
    return { name, dtype, shape: tensor.shape };
  }
  const { dtype, shape, data } = tensor;
  expectOneOf(`the dtype of '${name}'`, dtype, Object.keys(arrayTypes));
  if (typeof data !== 'function') checkData(name, tensor, data);
  return { name, dtype, shape };
}

function checkData(
  name: string,
  { dtype, shape }: Pick<StoredTensor, 'dtype' | 'shape'>,
  data: SafetensorsArray,
): void {
  if (!(data instanceof arrayTypes[dtype]) && !isRoundedHere(dtype, data)) {
    throw new ArgumentError(
      `'${name}': expected a ${arrayTypes[dtype].name} for dtype ${dtype}, got ${data.constructor.name}`,
    );
  }
  if (data.length !== elementCount(shape)) {
    throw new ArgumentError(
      `'${name}': expected ${elementCount(shape)} elements for shape [${shape.join(', ')}], got ${data.length}`,
    );
  }
}

function encodeHeader(entries: SafetensorsEntry[], metadata: Record<string, string>): Uint8Array {
  for (const [key, value] of Object.entries(metadata)) {
    expectText(`metadata '${key}'`, value);
  }
  const described = entries.map(
    ({ name, dtype, shape, begin, end }) => [name, { dtype, shape, data_offsets: [begin, end] }] as const,
  );
  const all = Object.keys(metadata).length > 0 ? [['__metadata__', metadata] as const, ...described] : described;
  const json = Buffer.from(JSON.stringify(Object.fromEntries(all)));
  const padded = Math.ceil(json.length / 8) * 8;
  const header = Buffer.alloc(8 + padded, ' ');
  header.writeBigUInt64LE(BigInt(padded));
  json.copy(header, 8);
  return header;
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

function isRoundedHere(dtype: SafetensorsDtype, data: SafetensorsArray): data is Float32Array {
  return dtype === 'BF16' && data instanceof Float32Array;
}

function elementBytes(dtype: SafetensorsDtype): number {
  return arrayTypes[dtype].BYTES_PER_ELEMENT;
}
