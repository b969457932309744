import * as tf from '@tensorflow/tfjs';

import { withoutRecording } from '../autodiff/recording.js';
import {
  expectGrouped,
  groupedFfnBackwardKernel,
  groupedFfnComposed,
  groupedSwigluBackwardKernel,
  type GroupedFfnOptions,
  type SwigluExperts,
  type TwoLayerExperts,
} from './groupedFfn.js';
import { runFused } from './runFused.js';

/** What both passes of `groupedFfn` read. */
export interface GroupedFfnInputs {
  /** (R, d) */
  rows: tf.Tensor;
  /** (N) int32 */
  counts: tf.Tensor;
  experts: TwoLayerExperts | SwigluExperts;
}

/** Names of the hidden layers, and of the gradients that the backward kernel gives, in their orders. */
const kernels = {
  ffn: { name: groupedFfnBackwardKernel, hidden: ['pre', 'hidden'], gradients: ['w1', 'b1', 'w2', 'b2'] },
  swiglu: { name: groupedSwigluBackwardKernel, hidden: ['gated', 'raised'], gradients: ['gate', 'up', 'down'] },
} as const;

/**
 * `groupedFfn`, which no tape hears of, and what `groupedFfnBackward` needs of it: for whoever takes the gradient of other
 * batches than those that were computed.
 *
 * @returns `hidden`, the two hidden layers of each row, (R, f) each, or (R, f / 2) where they are pairs of bf16; none where the
 *   operation is composed
 */
export function groupedFfnForward(
  { rows, counts, experts }: GroupedFfnInputs,
  options: GroupedFfnOptions,
): { y: tf.Tensor2D; hidden: tf.Tensor2D[] } {
  const { activation, capacity = 0, clampedGlu } = options;
  const { kernelName, inputs } = expectGrouped(rows, counts, experts, options);
  return withoutRecording(() => {
    if (!kernelName)
      return { y: groupedFfnComposed(rows, counts, experts, { activation, capacity, clampedGlu }), hidden: [] };
    const attributes = { activation, capacity, keepForGradient: true };
    const [y, ...hidden] = runFused(kernelName, { rows, counts, ...inputs }, attributes) as tf.Tensor2D[];
    return { y: y!, hidden };
  });
}

/**
 * The gradients of `groupedFfn` for rows whose hidden layers are known, in one kernel: the one that its own gradient runs. Where
 * they are not, it is composed.
 *
 * @param dy (R, d)
 * @param hidden those of `groupedFfnForward`, of the same rows
 */
export function groupedFfnBackward(
  dy: tf.Tensor,
  { rows, counts, experts }: GroupedFfnInputs,
  hidden: readonly tf.Tensor[],
  options: GroupedFfnOptions,
): { rows: tf.Tensor2D; experts: Record<string, tf.Tensor> } {
  const { activation, capacity = 0, clampedGlu } = options;
  const { kernelName, inputs } = expectGrouped(rows, counts, experts, options);
  const names = Object.keys(inputs);
  if (!kernelName || hidden.length !== 2) {
    const composed = (x: tf.Tensor, ...weights: tf.Tensor[]) => {
      const own = Object.fromEntries(names.map((name, i) => [name, weights[i]!])) as unknown as TwoLayerExperts;
      return groupedFfnComposed(x, counts, own, { activation, capacity, clampedGlu });
    };
    const gradients = tf.grads(composed)([rows, ...Object.values(inputs)], dy);
    return {
      rows: gradients[0] as tf.Tensor2D,
      experts: Object.fromEntries(names.map((name, i) => [name, gradients[i + 1]!])),
    };
  }
  const kernel = kernels[activation === 'swiglu' ? 'swiglu' : 'ffn'];
  const layers = Object.fromEntries(kernel.hidden.map((name, i) => [name, hidden[i]!]));
  const read = Object.fromEntries(Object.entries(inputs).filter(([name]) => !name.startsWith('b')));
  const attributes = { activation, capacity, keepForGradient: true };
  const [dRows, ...others] = runFused(kernel.name, { dOut: dy, rows, counts, ...read, ...layers }, attributes);
  const gradients = kernel.gradients.map((name, i): [string, tf.Tensor] => [name, others[i]!]);
  return {
    rows: dRows as tf.Tensor2D,
    experts: Object.fromEntries(gradients.filter(([name]) => names.includes(name))),
  };
}
