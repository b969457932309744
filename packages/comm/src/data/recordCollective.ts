import { ScmoeError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import type { Work } from '../communicator/Work.js';
import { allocate } from './dtypes.js';
import { type Payload, tensorDtype } from './Payload.js';

/** What of a `HostCall` of @scmoe/tensor is used here. */
interface RecordedCall {
  readonly name: string;
  readonly inputs: readonly tf.Tensor[];
  readonly outputs: readonly { readonly dtype: tf.DataType; readonly shape: readonly number[] }[];
  readonly run: (inputs: readonly tf.Tensor[]) => tf.Tensor[];
}

/** A backend that notes operations down while a compiled step is recorded: tensorflow. */
interface RecordingBackend {
  readonly isRecording: boolean;
  /** Notes a call of the host down; undefined while operations run. */
  recordCall(call: RecordedCall): tf.Tensor[] | undefined;
}

/** Whether a compiled step is being recorded, whose tensors have no elements. */
export function isRecording(): boolean {
  return (tf.backend() as Partial<RecordingBackend>).isRecording === true;
}

/** A collective in a step that is being recorded. */
export interface RecordedCollective {
  /** The collective, with what its ranks have to agree on. */
  name: string;
  data: tf.Tensor;
  /** Shape of its result. */
  shape: readonly number[];
  /** Starts it with the elements that are there then. */
  start: (data: tf.Tensor) => Work<tf.Tensor>;
}

/** Notes a collective down: to start it, and to wait for it, are two calls of the host at each call of the step. */
export function recordCollective({ name, data, shape, start }: RecordedCollective): Work<tf.Tensor> {
  const record = (call: RecordedCall) => (tf.backend() as unknown as RecordingBackend).recordCall(call);
  // The one under way, at each call of the step.
  let work: Work<tf.Tensor> | undefined;
  const begin = ([tensor]: readonly tf.Tensor[]) => {
    work = start(tensor!);
    return [];
  };
  const finish = () => {
    const result = work!.wait();
    work = undefined;
    return [result];
  };
  record({ name: `${name}, start`, inputs: [data], outputs: [], run: begin });
  let result: tf.Tensor | undefined;
  const wait = () => {
    const outputs = [{ dtype: data.dtype, shape }];
    result ??= record({ name: `${name}, wait`, inputs: [], outputs, run: finish })?.[0];
    if (result) return result;
    throw new ScmoeError(`${name}: started while a step was recorded, and waited for after it`);
  };
  const refuse = () =>
    Promise.reject<tf.Tensor>(new ScmoeError(`${name}: a recorded step waits by wait(), not by done`));
  return {
    sequence: -1,
    wait,
    get done() {
      return refuse();
    },
    isDone: () => false,
  };
}

/** A payload without elements, of which the shape of a result can be learned. */
export function shapePayload(call: string, tensor: tf.Tensor, onResult: (shape: readonly number[]) => void): Payload {
  const dtype = tensorDtype(call, tensor);
  const { shape } = tensor;
  const isScalar = shape.length === 0;
  const array = allocate(dtype, 0);
  return {
    dtype,
    array,
    elements: 0,
    rows: isScalar ? 1 : shape[0],
    elementsPerRow: tf.util.sizeFromShape(shape.slice(1)),
    isScalar,
    result: (rows) => {
      onResult(rows === undefined ? shape : [rows, ...shape.slice(1)]);
      return { array, give: () => array, release: () => undefined };
    },
    release: () => undefined,
  };
}
