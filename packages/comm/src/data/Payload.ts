import { ArgumentError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import type { Data } from '../communicator/Communicator.js';
import { allocate, dtypeOf, type CommDtype, type HostArray } from './dtypes.js';
import { allocateElements, borrowElements } from './hostTensors.js';

/** What a collective sees of its input: elements in host memory, and how to make a result of the same kind. */
export interface Payload {
  dtype: CommDtype;
  array: HostArray;
  /** Entries along the first axis: elements of an array, rows of a tensor. */
  rows: number;
  elementsPerRow: number;
  isScalar: boolean;
  /** Memory for a result of so many rows (the input's own shape where none are given). */
  result(rows?: number): Result;
  release(): void;
}

export interface Result {
  array: HostArray;
  /** The array, or a tensor over it; to be called once. */
  give(): Data;
  release(): void;
}

/** Takes what is to be sent. @throws ArgumentError naming `call` where the data is nothing that can be sent */
export function openPayload(call: string, data: Data): Payload {
  if (data instanceof tf.Tensor) return openTensor(call, data);
  const dtype = dtypeOf(data);
  if (dtype === undefined) {
    const got = Object.prototype.toString.call(data).slice(8, -1);
    throw new ArgumentError(
      `${call}: expected a Float32Array, Int32Array, Uint16Array (bf16) or a tf.Tensor, got ${data === null || data === undefined ? String(data) : got}`,
    );
  }
  return {
    dtype,
    array: data,
    rows: data.length,
    elementsPerRow: 1,
    isScalar: false,
    result: (rows = data.length) => {
      const array = allocate(dtype, rows);
      return { array, give: () => array, release: () => undefined };
    },
    release: () => undefined,
  };
}

function openTensor(call: string, tensor: tf.Tensor): Payload {
  const dtype = tensorDtype(call, tensor);
  const { shape } = tensor;
  const { array, release } = borrowElements(tensor);
  const isScalar = shape.length === 0;
  return {
    dtype,
    array,
    rows: isScalar ? 1 : shape[0],
    elementsPerRow: tf.util.sizeFromShape(shape.slice(1)),
    isScalar,
    result: (rows) => {
      const memory = allocateElements(rows === undefined ? shape : [rows, ...shape.slice(1)], dtype);
      return { array: memory.array, give: () => memory.toTensor(), release: () => memory.release() };
    },
    release,
  };
}

/** The type of a tensor that can be sent. @throws ArgumentError naming `call` for any other */
export function tensorDtype(call: string, { dtype }: tf.Tensor): 'float32' | 'int32' {
  if (dtype === 'float32' || dtype === 'int32') return dtype;
  throw new ArgumentError(`${call}: expected a float32 or int32 tensor, got ${dtype}`);
}
