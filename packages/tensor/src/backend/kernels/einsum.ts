import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { backendName } from '../kernel.js';
import type { ScmoeBackend } from '../ScmoeBackend.js';
import { isFloat, sizeOf } from './dtypes.js';
import { standardKernel } from './standardKernel.js';
import { broadcastWalk, copyStrided, maxRank, stridesOf } from './walk.js';

/** An operand and the label of each of its axes. */
interface Labelled {
  tensor: tf.TensorInfo;
  labels: readonly number[];
}

/**
 * Two operands as one batch of matrix products: labels of both that the result has are the batch, labels of both that it has
 * not are summed over, those of one alone before the product: TF.js 4.22 leaves out sums where there are both kinds. Undefined for
 * what is left to the JavaScript kernel: one operand, products element by element, labels that are not those of the axes.
 */
const einsum = standardKernel<tf.TensorInfo[], { equation: string }>('Einsum', (backend, inputs, { equation }) => {
  if (inputs.length !== 2 || !inputs.every(isFloat)) return undefined;
  const { allDims, summedDims, idDims } = tf.backend_util.decodeEinsumEquation(equation, inputs.length);
  tf.backend_util.checkEinsumDimSizes(allDims.length, idDims, inputs as tf.Tensor[]);
  // A label that comes twice in the result makes TF.js miscount.
  if (/(\S).*\1/.test(equation.split('->')[1]!)) return undefined;
  if (inputs.some(({ shape }, i) => shape.length !== idDims[i]!.length)) return undefined;
  if (Math.max(allDims.length, ...inputs.map(({ shape }) => shape.length)) > maxRank) return undefined;
  const isShared = (label: number) => idDims.every((labels) => labels.includes(label));
  const shared = summedDims.filter(isShared);
  const isIn = ({ labels }: Labelled, label: number) => labels.includes(label);
  const result = allDims.map((_, label) => label).filter((label) => !summedDims.includes(label));
  const batch = result.filter(isShared);
  const free = idDims.map((labels) => result.filter((label) => labels.includes(label) && !batch.includes(label)));
  if (summedDims.length === 0 && free.every((labels) => labels.length === 0)) return undefined;
  const operands = [0, 1].map((i) =>
    withoutLabels(
      backend,
      { tensor: inputs[i]!, labels: idDims[i]! },
      summedDims.filter((label) => !isShared(label)),
    ),
  ) as [Labelled, Labelled];

  const sizeOfLabel = (label: number) => {
    const operand = operands.find((one) => isIn(one, label))!;
    return operand.tensor.shape[operand.labels.indexOf(label)]!;
  };
  const sizes = (labels: readonly number[]) => labels.map(sizeOfLabel);
  const a = matrices(backend, operands[0], batch, free[0]!, shared);
  const b = matrices(backend, operands[1], batch, free[1]!, shared);
  const order = [...batch, ...free[0]!, ...free[1]!];
  const product = backend.output(sizes(order));
  const count = sizeOf(sizes(batch));
  loadAddon().batchMatMul({
    ...{ batches: broadcastWalk([count], [count])!.walk, transposeA: a.isTurned, transposeB: !b.isTurned },
    ...{ m: sizeOf(sizes(free[0]!)), n: sizeOf(sizes(free[1]!)), k: sizeOf(sizes(shared)) },
    ...{ a: backend.floats(a.tensor), b: backend.floats(b.tensor), out: backend.floats(product) },
  });
  const made = new Set([...operands, a, b].map(({ tensor }) => tensor).filter((tensor) => !inputs.includes(tensor)));
  for (const { dataId } of made) backend.disposeData(dataId);
  if (order.every((label, i) => label === result[i])) return product;
  const out = inOrder(backend, { tensor: product, labels: order }, result);
  backend.disposeData(product.dataId);
  return out;
});

/** The operand summed over the axes of these labels, as far as it has them. */
function withoutLabels(backend: ScmoeBackend, operand: Labelled, labels: readonly number[]): Labelled {
  const axis = labels.filter((label) => operand.labels.includes(label)).map((label) => operand.labels.indexOf(label));
  if (axis.length === 0) return operand;
  const { kernelFunc } = tf.getKernel('Sum', backendName);
  const inputs = { x: operand.tensor } as unknown as tf.NamedTensorInfoMap;
  const tensor = kernelFunc({ inputs, backend, attrs: { axis, keepDims: false } }) as tf.TensorInfo;
  return { tensor, labels: operand.labels.filter((label) => !labels.includes(label)) };
}

interface Matrices {
  tensor: tf.TensorInfo;
  /** Whether the axes are (batch, summed, free) and not (batch, free, summed). */
  isTurned: boolean;
}

/** The operand itself where its axes are in one of the two orders, else a copy. */
function matrices(
  backend: ScmoeBackend,
  operand: Labelled,
  batch: readonly number[],
  free: readonly number[],
  summed: readonly number[],
): Matrices {
  const isOrder = (...labels: number[]) => labels.every((label, i) => label === operand.labels[i]);
  if (isOrder(...batch, ...free, ...summed)) return { tensor: operand.tensor, isTurned: false };
  if (isOrder(...batch, ...summed, ...free)) return { tensor: operand.tensor, isTurned: true };
  return { tensor: inOrder(backend, operand, [...batch, ...free, ...summed]), isTurned: false };
}

function inOrder(backend: ScmoeBackend, { tensor, labels }: Labelled, order: readonly number[]): tf.TensorInfo {
  const axes = order.map((label) => labels.indexOf(label));
  const strides = stridesOf(tensor.shape);
  const shape = axes.map((axis) => tensor.shape[axis]!);
  const out = backend.output(shape);
  copyStrided(
    { values: backend.values(tensor), strides: axes.map((axis) => strides[axis]!) },
    { values: backend.values(out), strides: stridesOf(shape) },
    shape,
  );
  return out;
}

export const einsumKernels: tf.KernelConfig[] = [einsum];
