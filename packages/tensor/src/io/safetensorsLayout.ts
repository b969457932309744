import { ArgumentError, expectOneOf, expectText } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import {
  arrayTypes,
  elementCount,
  type SafetensorsArray,
  type SafetensorsDtype,
  type SafetensorsEntry,
} from './safetensorsHeader.js';
import type { StoredTensor } from './storedTensor.js';

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

/** The bytes that a safetensors file begins with; the elements of its tensors follow without gaps. */
export interface SafetensorsLayout {
  header: Uint8Array;
  /** Names of the tensors, in the order in which they follow. */
  names: string[];
  /** Bytes of the whole file. */
  bytes: number;
}

/**
 * Where everything lies in a safetensors file, for those who write it elsewhere than `writeSafetensors` does, such as in a
 * thread of their own.
 *
 * @param metadata strings stored in the header
 * @throws ArgumentError where a tensor's dtype can't be written or its data does not fit its shape
 */
export function layOutSafetensors(
  tensors: Record<string, WritableTensor>,
  { metadata = {} }: { metadata?: Record<string, string> } = {},
): SafetensorsLayout {
  const entries = layOut(tensors);
  const header = encodeHeader(entries, metadata);
  return { header, names: entries.map(({ name }) => name), bytes: header.length + (entries.at(-1)?.end ?? 0) };
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

/** @throws ArgumentError where the data of a tensor are of another type or number than it says */
export function checkData(
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

/** Whether float32 numbers become bf16 on the way into the file. */
export function isRoundedHere(dtype: SafetensorsDtype, data: SafetensorsArray): data is Float32Array {
  return dtype === 'BF16' && data instanceof Float32Array;
}

function elementBytes(dtype: SafetensorsDtype): number {
  return arrayTypes[dtype].BYTES_PER_ELEMENT;
}
