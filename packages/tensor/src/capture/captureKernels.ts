import { ScmoeError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { backendName } from '../backend/kernel.js';
import type { NumericArray, NumericType, ScmoeBackend } from '../backend/ScmoeBackend.js';
import { squaresOf } from '../backend/sumsOfSquares.js';
import { CapturedKernels } from './CapturedKernels.js';
import { forgetParts, type KernelCapture } from './KernelCapture.js';

/** Makes the inputs of a step while it is captured. */
export interface CaptureInputs {
  /** A tensor with these values, in whose place later replays have others. */
  input: <R extends tf.Rank>(values: Float32Array | Int32Array, shape: tf.ShapeMap[R]) => tf.Tensor<R>;
}

/** What came of a capture: the step's outputs in any case, and either its kernels or why it can't be made of them. */
export type CaptureResult<Outputs extends tf.Tensor[]> = { outputs: Outputs } & (
  { captured: CapturedKernels; problem?: undefined } | { captured?: undefined; problem: string }
);

/** Whether steps can be captured: on backend `scmoe` alone, whose kernels are calls of an addon. */
export function canCapture(): boolean {
  return tf.getBackend() === backendName;
}

/**
 * Runs a step and captures the kernels that it calls, so that they can be called again (`replay`) without TF.js: as CUDA
 * graphs do for a GPU's. What JavaScript decides in the step is decided for good: shapes, numbers, branches. A step is
 * refused, with its result, that reads the data of a tensor, calls a kernel that is JavaScript, or disposes a tensor from
 * before it. Numbers that JavaScript makes anew each time (a random seed, a position) go unnoticed: they are inputs, or the
 * kernel that takes them asks for them itself (`cachedAttention` does).
 *
 * Tensors from before the step are read where they are: a variable that a kernel updates in place is seen; one that gets a
 * new tensor is not, and the caller has to capture anew.
 *
 * @param step gets its inputs from the argument, and returns its outputs, which the caller disposes
 * @throws ScmoeError on another backend, and within a capture
 */
export function captureKernels<Outputs extends tf.Tensor[]>(
  step: (inputs: CaptureInputs) => Outputs,
): CaptureResult<Outputs> {
  if (!canCapture())
    throw new ScmoeError(`captureKernels: expected the backend ${backendName}, got ${tf.getBackend() || 'none'}`);
  const backend = tf.backend() as ScmoeBackend;
  const inputs: NumericArray[] = [];
  const input = <R extends tf.Rank>(values: Float32Array | Int32Array, shape: tf.ShapeMap[R]): tf.Tensor<R> => {
    const tensor = tf.tensor<R>(values, shape, values instanceof Int32Array ? 'int32' : 'float32');
    inputs.push(backend.values(tensor));
    return tensor;
  };
  const { result: outputs, capture } = backend.captured(() => {
    const all = tf.tidy(() => step({ input }));
    all.forEach((output) => backend.values(output)); // one may be of data from before
    return all;
  });
  const { parts, buffers, outside, problem } = capture;
  if (problem !== undefined) {
    forgetParts(parts);
    return { outputs, problem };
  }
  const views = outputs.map((output) => ({
    values: backend.values(output),
    shape: output.shape,
    dtype: output.dtype as NumericType,
    squares: squaresOf(output.dataId),
  }));
  const lendable = new Set(views.filter(({ values }) => capture.rewrites(values.buffer as ArrayBuffer)));
  // Of what several outputs share none is lent: whoever writes over one would write over the others.
  for (const view of views)
    if (views.some((other) => other !== view && other.values.buffer === view.values.buffer)) lendable.delete(view);
  return {
    outputs,
    captured: new CapturedKernels({
      backend,
      parts,
      buffers,
      rewritten: buffers.filter((buffer) => capture.rewrites(buffer)),
      outside,
      variables: variablesOf(outside),
      inputs,
      keepsOthers: keepsOthers(backend, capture, outputs),
      outputs: views.map((view) => ({ ...view, isLent: lendable.has(view) })),
    }),
  };
}

/** Whether tensors on the step's memory are there beside its outputs, clones and parts of these among them. */
function keepsOthers(backend: ScmoeBackend, capture: KernelCapture, outputs: readonly tf.Tensor[]): boolean {
  const data = new Map<ArrayBuffer, Set<tf.DataId>>();
  const handles = new Map<tf.DataId, number>();
  for (const output of outputs) {
    const buffer = backend.values(output).buffer as ArrayBuffer;
    if (!capture.owns(buffer)) continue;
    data.set(buffer, (data.get(buffer) ?? new Set()).add(output.dataId));
    handles.set(output.dataId, (handles.get(output.dataId) ?? 0) + 1);
  }
  return (
    capture.hasOthersThan(data) ||
    [...data].some(([buffer, own]) => backend.numUses(buffer) > own.size) ||
    [...handles].some(([dataId, own]) => backend.refCount(dataId) > own)
  );
}

/** The program's variables that have these data now. */
function variablesOf(data: ReadonlyMap<tf.DataId, unknown>): Map<tf.Variable, tf.DataId> {
  const all = Object.values(tf.engine().state.registeredVariables).filter(({ dataId }) => data.has(dataId));
  return new Map(all.map((variable) => [variable, variable.dataId]));
}
