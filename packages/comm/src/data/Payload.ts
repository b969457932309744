import { ArgumentError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import type { Data } from '../communicator/Communicator.js';
import { allocate, dtypeOf, type CommDtype, type HostArray } from './dtypes.js';
import { borrowOnDevice, outputOnDevice, type DeviceMemory } from './deviceTensors.js';
import { allocateElements, borrowElements } from './hostTensors.js';

/** Where elements are: in host memory, or at an address of the engine's device. */
export type Place = { array: HostArray; address?: undefined } | { array?: undefined; address: number };

/** What a collective sees of its input: where its elements are, and how to make a result of the same kind. */
export type Payload = PayloadParts & Place;

interface PayloadParts {
  dtype: CommDtype;
  elements: number;
  /** Entries along the first axis: elements of an array, rows of a tensor. */
  rows: number;
  elementsPerRow: number;
  isScalar: boolean;
  /** Memory for a result of so many rows (the input's own shape where none are given), zeros on a device where it `isPadded`. */
  result(rows?: number, options?: { isPadded: boolean }): Result;
  release(): void;
}

/** Memory for a result. */
export type Result = Place & {
  /** The array, or a tensor over it; to be called once. */
  give(): Data;
  release(): void;
};

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
    elements: data.length,
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
  return {
    dtype,
    array,
    elements: array.length,
    ...rowsOf(shape),
    result: (rows) => {
      const { array, toTensor, release } = allocateElements(withRows(shape, rows), dtype);
      return { array, give: toTensor, release };
    },
    release,
  };
}

/** Takes a float32 tensor that is to be sent from where it is on the device, and its result to be received there. */
export function openOnDevice(memory: DeviceMemory, tensor: tf.Tensor): Payload {
  const { shape } = tensor;
  return {
    dtype: 'float32',
    ...borrowOnDevice(memory, tensor),
    elements: tensor.size,
    ...rowsOf(shape),
    result: (rows, options) => {
      const { address, toTensor, release } = outputOnDevice(memory, withRows(shape, rows), options);
      return { address, give: toTensor, release };
    },
  };
}

function rowsOf(shape: readonly number[]): Pick<PayloadParts, 'rows' | 'elementsPerRow' | 'isScalar'> {
  const isScalar = shape.length === 0;
  return { rows: isScalar ? 1 : shape[0]!, elementsPerRow: tf.util.sizeFromShape(shape.slice(1)), isScalar };
}

function withRows(shape: readonly number[], rows: number | undefined): readonly number[] {
  return rows === undefined ? shape : [rows, ...shape.slice(1)];
}

/** The type of a tensor that can be sent. @throws ArgumentError naming `call` for any other */
export function tensorDtype(call: string, { dtype }: tf.Tensor): 'float32' | 'int32' {
  if (dtype === 'float32' || dtype === 'int32') return dtype;
  throw new ArgumentError(`${call}: expected a float32 or int32 tensor, got ${dtype}`);
}
