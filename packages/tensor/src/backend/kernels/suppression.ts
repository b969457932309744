import type * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import type { ScmoeBackend } from '../ScmoeBackend.js';
import { isFloat } from './dtypes.js';
import { standardKernel } from './standardKernel.js';

interface Inputs {
  boxes: tf.TensorInfo; // (n, 4)
  scores: tf.TensorInfo; // (n)
}

interface Attributes {
  maxOutputSize: number;
  iouThreshold: number;
  scoreThreshold: number;
  softNmsSigma?: number;
  padToMaxOutputSize?: boolean;
}

/** Boxes that are kept and their scores, each as long as there are boxes to keep; undefined for what is left to the JavaScript kernel. */
function suppress(
  backend: ScmoeBackend,
  kernelName: string,
  { boxes, scores }: Inputs,
  { maxOutputSize, iouThreshold, scoreThreshold, softNmsSigma = 0 }: Attributes,
) {
  if (!isFloat(boxes) || !isFloat(scores) || scores.shape.length !== 1 || !(maxOutputSize >= 0)) return undefined;
  backend.refuseCapture(`its kernel ${kernelName} gives as many boxes as there are`);
  const count = scores.shape[0]!;
  const most = Math.min(count, maxOutputSize);
  const [indices, keptScores] = [backend.output([most], 'int32'), backend.output([most])];
  const found = loadAddon().suppressBoxes({
    ...{ count, most, iouThreshold, scoreThreshold, softSigma: softNmsSigma },
    ...{ boxes: backend.floats(boxes), scores: backend.floats(scores) },
    ...{ kept: backend.ints(indices), keptScores: backend.floats(keptScores) },
  });
  return { indices, keptScores, found };
}

/** The first elements of a list, which has no other use. */
function firstOf(backend: ScmoeBackend, list: tf.TensorInfo, count: number): tf.TensorInfo {
  if (list.shape[0] === count) return list;
  const first = backend.view(list, 0, [count]);
  backend.disposeData(list.dataId);
  return first;
}

const hard = standardKernel<Inputs, Attributes>('NonMaxSuppressionV3', (backend, inputs, attributes) => {
  const result = suppress(backend, 'NonMaxSuppressionV3', inputs, { ...attributes, softNmsSigma: 0 });
  if (!result) return undefined;
  backend.disposeData(result.keptScores.dataId);
  return firstOf(backend, result.indices, result.found);
});

/** The kernel that says how many boxes there are, on request with zeros behind them. */
const padded = standardKernel<Inputs, Attributes>('NonMaxSuppressionV4', (backend, inputs, attributes) => {
  const { maxOutputSize, padToMaxOutputSize } = attributes;
  if (padToMaxOutputSize && !Number.isInteger(maxOutputSize)) return undefined;
  const result = suppress(backend, 'NonMaxSuppressionV4', inputs, { ...attributes, softNmsSigma: 0 });
  if (!result) return undefined;
  const { indices, keptScores, found } = result;
  backend.disposeData(keptScores.dataId);
  const count = backend.output([], 'int32');
  backend.ints(count)[0] = found;
  if (!padToMaxOutputSize) return [firstOf(backend, indices, found), count];
  const all = backend.output([maxOutputSize], 'int32');
  backend.ints(all).fill(0).set(backend.ints(indices).subarray(0, found));
  backend.disposeData(indices.dataId);
  return [all, count];
});

/** The kernel that gives scores, which a box's overlap with better ones may have lowered. */
const soft = standardKernel<Inputs, Attributes>('NonMaxSuppressionV5', (backend, inputs, attributes) => {
  const result = suppress(backend, 'NonMaxSuppressionV5', inputs, attributes);
  if (!result) return undefined;
  const { indices, keptScores, found } = result;
  return [firstOf(backend, indices, found), firstOf(backend, keptScores, found)];
});

/** Which of overlapping boxes are kept: the same ones as on backend `cpu`, in the same order. */
export const suppressionKernels: tf.KernelConfig[] = [hard, padded, soft];
