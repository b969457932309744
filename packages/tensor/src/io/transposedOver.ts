import { expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import type { WeightSizes } from '../backend/StoredWeight.js';
import type { TransposedMatrices } from '../backend/TransposedWeight.js';
import { bf16ToFloat32 } from './halfPrecision.js';

/** What a backend may have that reads matrices as they lie in this machine's memory. */
interface TransposedBackend {
  borrowTransposed?(given: TransposedMatrices, sizes: WeightSizes, shape: number[]): tf.TensorInfo;
}

/** A matrix whose rows are columns of a weight: float32 numbers, or bf16 in a Uint16Array. */
export type TransposedMatrix = Float32Array | Uint16Array;

/** Whether the current backend keeps what `transposedOver` is given as it lies. */
export function keepsTransposed(): boolean {
  return (tf.backend() as TransposedBackend).borrowTransposed !== undefined;
}

/**
 * A weight (dIn, dOut), or several (N, dIn, dOut), over memory of the caller's that has each of them transposed, (dOut, dIn): as
 * PyTorch keeps them, and so the files of others. On the native backend `linear`, `swiglu` and `groupedFfn` read it as it lies,
 * unless a gradient is recorded; the first op that asks for its numbers in order gets them, and the memory is let go. Until then
 * it has to stay as it is. On other backends the weight is a copy.
 *
 * @param matrices one for each weight, all of the same type, wherever they lie
 * @throws ArgumentError where the shape has others, or more or fewer
 */
export function transposedOver(matrices: readonly TransposedMatrix[], shape: readonly number[]): tf.Tensor {
  const isWeight = shape.length === 2 || shape.length === 3;
  expectThat(isWeight, 'transposedOver: shape', '(dIn, dOut) or (N, dIn, dOut)', shape);
  const [count, dIn, dOut] = [1, ...shape].slice(-3) as [number, number, number];
  expectThat(matrices.length === count, 'transposedOver: matrices', `${count} of them`, matrices.length);
  const isBf16 = matrices.some((matrix) => matrix instanceof Uint16Array);
  for (const matrix of matrices) {
    expectThat(matrix.length === dIn * dOut, 'transposedOver: matrices', `${dIn * dOut} numbers each`, matrix.length);
    expectThat(matrix instanceof Uint16Array === isBf16, 'transposedOver: matrices', 'one type', 'several');
  }
  const backend = tf.backend() as TransposedBackend;
  const isEmpty = count * dIn * dOut === 0;
  if (!backend.borrowTransposed || isEmpty) return tf.tensor(inOrder(matrices, dIn, dOut), [...shape], 'float32');
  const bytes = matrices.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength));
  const given: TransposedMatrices = { matrices: bytes, format: isBf16 ? 'bf16' : 'float32' };
  return tf.engine().makeTensorFromTensorInfo(backend.borrowTransposed(given, { count, dIn, dOut }, [...shape]));
}

function inOrder(matrices: readonly TransposedMatrix[], dIn: number, dOut: number): Float32Array {
  const values = new Float32Array(matrices.length * dIn * dOut);
  matrices.forEach((matrix, index) => {
    const from = matrix instanceof Uint16Array ? bf16ToFloat32(matrix) : matrix;
    const own = values.subarray(index * dIn * dOut, (index + 1) * dIn * dOut);
    for (let column = 0; column < dOut; column++)
      for (let row = 0; row < dIn; row++) own[row * dOut + column] = from[column * dIn + row]!;
  });
  return values;
}
