import { ArgumentError, expectOneOf, expectThat, expectWholeNumber } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { isRecording } from '../autodiff/recording.js';
import { activateComposed, type ClampedGlu, type ExpertActivation, gluComposed } from './activation.js';
import { expectDtype, expectRank, expectShape } from './check.js';
import { expertBlocks } from './expertBlocks.js';
import { firstGradient, fusedGradients, hasFused, runFused } from './runFused.js';
import { hasStaticShapes } from './staticShapes.js';

export const groupedFfnKernel = 'ScmoeGroupedFfn';
export const groupedFfnBackwardKernel = 'ScmoeGroupedFfnBackward';
export const groupedSwigluKernel = 'ScmoeGroupedSwiglu';
export const groupedSwigluBackwardKernel = 'ScmoeGroupedSwigluBackward';

/** The names under which a backend that has kernels for them registers them. */
export const groupedKernels = {
  ffn: groupedFfnKernel,
  ffnBackward: groupedFfnBackwardKernel,
  swiglu: groupedSwigluKernel,
  swigluBackward: groupedSwigluBackwardKernel,
} as const;

/** activation(x w1 + b1) w2 + b2 of each expert; all stacked on axis 0. */
export interface TwoLayerExperts {
  /** (N, d, f) */
  w1: tf.Tensor;
  /** (N, f) */
  b1?: tf.Tensor;
  /** (N, f, d) */
  w2: tf.Tensor;
  /** (N, d) */
  b2?: tf.Tensor;
}

/** (silu(x gate + gateBias) * (x up + upBias)) down + downBias of each expert; all stacked on axis 0. */
export interface SwigluExperts {
  /** (N, d, f) */
  gate: tf.Tensor;
  /** (N, f) */
  gateBias?: tf.Tensor;
  /** (N, d, f) */
  up: tf.Tensor;
  /** (N, f) */
  upBias?: tf.Tensor;
  /** (N, f, d) */
  down: tf.Tensor;
  /** (N, d) */
  downBias?: tf.Tensor;
}

/** Options of `groupedFfn`. */
export interface GroupedFfnOptions {
  activation: ExpertActivation;
  /** Rows of each expert in the buffer, 0 where they are packed without gaps. */
  capacity?: number;
  /** The form of `swiglu` that gpt-oss has. Default: the plain one. */
  clampedGlu?: ClampedGlu;
}

/** What those kernels are told. */
export interface GroupedFfnAttributes extends Required<Omit<GroupedFfnOptions, 'clampedGlu'>> {
  /** Return the hidden layers as well. */
  keepForGradient: boolean;
}

/**
 * Feed-forward layers of N experts on a packed buffer, one kernel each way (SwiGLU with biases or clamped, which gpt-oss
 * alone has, is composed from TF.js ops everywhere). Expert e reads `counts[e]` rows from row
 * e * capacity on, or from the sum of the earlier counts where capacity is 0. Other rows are skipped and give zero. An
 * expert without rows has a gradient of exactly 0. In bf16 experts of two layers keep their hidden layer in bf16 for the gradient, as
 * `mlp` does.
 *
 * @param rows (R, d) float32, as `encode` gives them
 * @param counts (N) int32
 * @returns (R, d)
 * @throws ArgumentError naming the argument when shapes or dtypes do not fit; the native kernel also when the counts do not fit
 *   the buffer
 */
export function groupedFfn(
  rows: tf.Tensor,
  counts: tf.Tensor,
  experts: TwoLayerExperts | SwigluExperts,
  { activation, capacity = 0, clampedGlu }: GroupedFfnOptions,
): tf.Tensor2D {
  const { kernelName, inputs } = expectGrouped(rows, counts, experts, { activation, capacity, clampedGlu });
  if (!kernelName) return groupedFfnComposed(rows, counts, experts, { activation, capacity, clampedGlu });
  const attributes: GroupedFfnAttributes = { activation, capacity, keepForGradient: isRecording() };
  const [y, ...saved] = runFused(kernelName, { rows, counts, ...inputs }, attributes);
  tf.dispose(saved); // the tape keeps its own handles
  return y as tf.Tensor2D;
}

/**
 * Checks what `groupedFfn` is called with.
 *
 * @returns the weights by name, and the kernel that computes them; none where they are composed
 * @throws ArgumentError naming the argument
 */
export function expectGrouped(
  rows: tf.Tensor,
  counts: tf.Tensor,
  experts: TwoLayerExperts | SwigluExperts,
  { activation, capacity = 0, clampedGlu }: GroupedFfnOptions,
): { inputs: Record<string, tf.Tensor>; kernelName: string | undefined } {
  const inputs = validated(rows, counts, experts, activation);
  expectWholeNumber('groupedFfn: capacity', capacity);
  expectClamped(activation, clampedGlu);
  const numRows = capacity * counts.size;
  const fits = capacity === 0 || rows.shape[0] === numRows;
  const why = `for ${counts.size} experts of capacity ${capacity}`;
  expectThat(fits, 'groupedFfn: rows', `${numRows} of them ${why}`, rows.shape[0]);
  const kernelName = isSwiglu(experts) ? groupedSwigluKernel : groupedFfnKernel;
  const isComposed = isSwiglu(experts) && (clampedGlu !== undefined || Object.keys(inputs).length > 3);
  return { inputs, kernelName: isComposed || !hasFused(kernelName) ? undefined : kernelName };
}

/**
 * The same from plain TF.js ops. With a capacity all experts run as one batched product; without, this is the one place
 * that must read the counts on the host, to cut the buffer, unless shapes are to be static: then experts run in blocks.
 */
export function groupedFfnComposed(
  rows: tf.Tensor,
  counts: tf.Tensor,
  experts: TwoLayerExperts | SwigluExperts,
  {
    activation,
    capacity,
    clampedGlu,
  }: Required<Omit<GroupedFfnOptions, 'clampedGlu'>> & Pick<GroupedFfnOptions, 'clampedGlu'>,
): tf.Tensor2D {
  return tf.tidy(() => {
    const [numRows, d] = rows.shape as [number, number];
    const numExperts = counts.size;
    const weights = Object.entries(experts).filter((entry): entry is [string, tf.Tensor] => entry[1] !== undefined);
    if (numRows === 0) return zeroFrom(rows, weights);
    if (capacity > 0) {
      const batched = tf.reshape(rows, [numExperts, capacity, d]);
      const filled = tf.less(tf.range(0, capacity, 1, 'int32'), tf.reshape(counts, [numExperts, 1])); // (N, C)
      const y = tf.mul(
        feedForward(batched, experts, activation, clampedGlu),
        tf.expandDims(tf.cast(filled, 'float32'), -1),
      );
      return tf.reshape(y, [numRows, d]);
    }
    if (hasStaticShapes()) {
      const blocks = expertBlocks(rows as tf.Tensor2D, counts as tf.Tensor1D);
      const own = Object.fromEntries(
        weights.map(([name, stacked]) => [name, tf.gather(stacked, blocks.experts)]),
      ) as unknown as TwoLayerExperts | SwigluExperts;
      return blocks.unpack(feedForward(blocks.rows, own, activation, clampedGlu));
    }
    const perExpert = counts.dataSync();
    const outputs: tf.Tensor[] = [];
    let start = 0;
    for (const [e, count] of perExpert.entries()) {
      if (count === 0) continue;
      const own = Object.fromEntries(weights.map(([name, stacked]) => [name, tf.slice(stacked, e, 1)])) as unknown as
        TwoLayerExperts | SwigluExperts;
      const batch = tf.expandDims(tf.slice(rows, start, count), 0); // (1, count, d)
      outputs.push(tf.reshape(feedForward(batch, own, activation, clampedGlu), [count, d]));
      start += count;
    }
    if (start === 0) return zeroFrom(rows, weights);
    if (start < numRows) outputs.push(tf.zeros([numRows - start, d]));
    return tf.concat(outputs as tf.Tensor2D[], 0);
  });
}

/** Zeros (R, d) where there is nothing to compute, with every input on the path to them. */
function zeroFrom(rows: tf.Tensor, weights: [string, tf.Tensor][]): tf.Tensor2D {
  const sums = weights.map(([, weight]) => tf.sum(weight));
  return tf.mul<tf.Tensor2D>(rows, tf.mul(tf.addN(sums), 0));
}

/** x (N, C, d) through the experts of its batches. */
function feedForward(
  x: tf.Tensor,
  experts: TwoLayerExperts | SwigluExperts,
  activation: ExpertActivation,
  clampedGlu: ClampedGlu | undefined,
): tf.Tensor {
  const biased = (product: tf.Tensor, bias?: tf.Tensor) => (bias ? tf.add(product, tf.expandDims(bias, 1)) : product);
  if (isSwiglu(experts)) {
    const gated = biased(tf.matMul(x, experts.gate), experts.gateBias);
    const raised = biased(tf.matMul(x, experts.up), experts.upBias);
    return biased(tf.matMul(gluComposed(gated, raised, clampedGlu), experts.down), experts.downBias);
  }
  const hidden = activateComposed(biased(tf.matMul(x, experts.w1), experts.b1), activation as 'gelu');
  return biased(tf.matMul(hidden, experts.w2), experts.b2);
}

/** @throws ArgumentError for numbers that are none, and beside another activation */
function expectClamped(activation: ExpertActivation, clamped: ClampedGlu | undefined): void {
  if (clamped === undefined) return;
  expectThat(activation === 'swiglu', 'groupedFfn: clampedGlu', `none for the activation ${activation}`, clamped);
  const { limit, alpha } = clamped;
  const isRight = limit > 0 && Number.isFinite(limit) && Number.isFinite(alpha);
  expectThat(isRight, 'groupedFfn: clampedGlu', 'a limit > 0 and a finite alpha', clamped);
}

function isSwiglu(experts: TwoLayerExperts | SwigluExperts): experts is SwigluExperts {
  return 'gate' in experts;
}

function validated(
  rows: tf.Tensor,
  counts: tf.Tensor,
  experts: TwoLayerExperts | SwigluExperts,
  activation: ExpertActivation,
): Record<string, tf.Tensor> {
  expectDtype('groupedFfn', 'rows', rows, 'float32');
  expectRank('groupedFfn', 'rows', rows, 2, '(rows, d)');
  expectDtype('groupedFfn', 'counts', counts, 'int32');
  expectRank('groupedFfn', 'counts', counts, 1, '(numExperts)');
  expectOneOf('groupedFfn: activation', activation, ['gelu', 'gelu_tanh', 'silu', 'swiglu']);
  const matches = isSwiglu(experts) === (activation === 'swiglu');
  const weights = activation === 'swiglu' ? 'gate, up and down' : 'w1 and w2';
  expectThat(matches, 'groupedFfn: experts', `${weights} for the activation ${activation}`, Object.keys(experts));
  const [n, d] = [counts.size, rows.shape[1]!];
  const first = isSwiglu(experts) ? experts.gate : experts.w1;
  expectRank('groupedFfn', isSwiglu(experts) ? 'gate' : 'w1', first, 3, '(numExperts, d, f)');
  const f = first.shape[2]!;
  const shapes: Record<string, number[]> = isSwiglu(experts)
    ? { gate: [n, d, f], up: [n, d, f], down: [n, f, d], gateBias: [n, f], upBias: [n, f], downBias: [n, d] }
    : { w1: [n, d, f], b1: [n, f], w2: [n, f, d], b2: [n, d] };
  const inputs: Record<string, tf.Tensor> = {};
  for (const [name, shape] of Object.entries(shapes)) {
    const tensor = (experts as unknown as Record<string, tf.Tensor | undefined>)[name];
    if (!tensor && /^b|Bias$/.test(name)) continue;
    if (!tensor) throw new ArgumentError(`groupedFfn: ${name}: expected (${shape.join(', ')}), got none`);
    expectDtype('groupedFfn', name, tensor, 'float32');
    expectShape('groupedFfn', name, tensor, shape, `for ${n} experts and rows of width ${d}`);
    inputs[name] = tensor;
  }
  return inputs;
}

tf.registerGradient({
  kernelName: groupedFfnKernel,
  inputsToSave: ['rows', 'counts', 'w1', 'w2'],
  outputsToSave: [false, true, true], // hidden layer of each row before and after the activation
  gradFunc: (dy, saved, attributes) => {
    const [rows, counts, w1, w2, pre, hidden] = saved as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const inputs = { dOut: firstGradient(dy), rows, counts, w1, w2, pre, hidden };
    return fusedGradients(groupedFfnBackwardKernel, ['rows', 'w1', 'b1', 'w2', 'b2'], inputs, attributes);
  },
});

tf.registerGradient({
  kernelName: groupedSwigluKernel,
  inputsToSave: ['rows', 'counts', 'gate', 'up', 'down'],
  outputsToSave: [false, true, true], // x gate and x up of each row
  gradFunc: (dy, saved, attributes) => {
    const [rows, counts, gate, up, down, gated, raised] = saved as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const inputs = { dOut: firstGradient(dy), rows, counts, gate, up, down, gated, raised };
    return fusedGradients(groupedSwigluBackwardKernel, ['rows', 'gate', 'up', 'down'], inputs, attributes);
  },
});
