import type * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../addon/loadAddon.js';

export type NumericType = 'float32' | 'int32' | 'bool';
export type NumericArray = Float32Array | Int32Array | Uint8Array;

/** Copies are made past the caches, with all threads, from so many bytes on; a little is read again at once. */
const largeCopy = 2 ** 20;

export function isNumeric(dtype: tf.DataType): dtype is NumericType {
  return dtype === 'float32' || dtype === 'int32' || dtype === 'bool';
}

/** An array of `length` numbers in memory that `take` gives. */
export function arrayIn(take: (bytes: number) => ArrayBuffer, dtype: NumericType, length: number): NumericArray {
  if (dtype === 'bool') return new Uint8Array(take(length), 0, length);
  return new (dtype === 'float32' ? Float32Array : Int32Array)(take(length * 4), 0, length);
}

export function bytesOf({ buffer, byteOffset, byteLength }: NumericArray | Uint16Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The buffer that values lie in, if they are numbers. */
export function buffersOf(values: unknown): ArrayBuffer[] {
  return ArrayBuffer.isView(values) ? [values.buffer as ArrayBuffer] : [];
}

/** Copies bytes into as many. */
export function copyBytesTo(target: Uint8Array, source: Uint8Array): void {
  if (source.length < largeCopy) target.set(source);
  else loadAddon().copyPastCaches({ bytes: source.length, source, target });
}
