import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { backendName, findAddon } from '../../index.js';
import { hasEnd } from '../endlessCalls.js';

describeUnless(findAddon().problem, 'native kernels', () => {
  it('broadcasts batches of matrices in part, which tfjs-backend-cpu does not', () => {
    void tf.setBackend(backendName);
    const product = (a: tf.Tensor, b: tf.Tensor) => [...tf.matMul(a, b).dataSync()];
    tf.tidy(() => {
      const a = tf.tensor4d([1, 2, 3, 4], [2, 2, 1, 1]);
      expect(product(a, tf.tensor4d([10, 100], [2, 1, 1, 1]))).toEqual([10, 20, 300, 400]);
      const column = tf.tensor4d([1, 2], [2, 1, 1, 1]);
      expect(product(column, tf.tensor4d([10, 100], [1, 2, 1, 1]))).toEqual([10, 100, 20, 200]);
    });
  });

  it.each<[string, (x: tf.Tensor2D) => tf.Tensor]>([
    ['negative padding', (x) => tf.pad(x, [[-1, 0], [0, -2]])], // prettier-ignore
    ['padding that is negative on one side', (x) => tf.pad(x, [[-2, 3], [1, 1]])], // prettier-ignore
    ['an axis that comes twice', (x) => tf.transpose(x, [1, 1])],
    ['half a repetition', (x) => tf.tile(x, [1.5, 2])],
    ['a slice of no whole size', (x) => tf.slice(x, [1, 0], [0, 2.5])],
    ['padding that is a text', (x) => tf.pad(x, [['2', 0], [0, 2]] as unknown as [number, number][])], // prettier-ignore
    ['a part of no size', (x) => tf.split(x, [null, 4] as unknown as number[], 1)[1]!],
    ['batches of no number', (x) => tf.gather(x, tf.tensor2d([[0]], [1, 1], 'int32'), 1, NaN)],
    ['a word for true', (x) => tf.cumsum(x, 1, 'yes' as unknown as boolean)],
    ['half a class', (x) => tf.oneHot(tf.cast(x, 'int32'), 2.5)],
  ])('do with %s what tfjs-backend-cpu does, and leave nothing behind', (_, op) => {
    const outcome = (backend: string) => {
      void tf.setBackend(backend);
      const before = tf.backend().numDataIds();
      let end: unknown;
      try {
        end = tf.tidy(() => op(tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], [3, 4])).arraySync());
      } catch (error) {
        end = (error as Error).message;
      }
      return { end, left: tf.backend().numDataIds() - before };
    };
    expect(outcome(backendName)).toEqual({ ...outcome('cpu'), left: 0 });
  });

  it('takes every other element of one column or row, which tfjs-backend-cpu does not', () => {
    void tf.setBackend(backendName);
    tf.tidy(() => {
      const x = tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], [4, 3]);
      const column = tf.stridedSlice(x, [0, 1], [4, 2], [2, 1], 0, 0, 0, 0, 2);
      expect([column.shape, [...column.dataSync()]]).toEqual([[2], [2, 8]]);
      const row = tf.stridedSlice(x, [1, 0], [2, 3], [1, 2], 0, 0, 0, 0, 1);
      expect([row.shape, [...row.dataSync()]]).toEqual([[2], [4, 6]]);
    });
  });

  it('resizes gradients as far as tfjs-backend-cpu can, and refuses the rest', () => {
    const gradient = (backend: string) => {
      void tf.setBackend(backend);
      return tf.tidy(() => {
        const picture = tf.tensor3d([1, 2, 3, 4], [2, 2, 1]);
        const resized = (x: tf.Tensor3D) => tf.image.resizeNearestNeighbor(x, [3, 5], true).square().sum();
        return tf
          .grad(resized as (x: tf.Tensor) => tf.Scalar)(picture)
          .arraySync();
      });
    };
    expect(gradient(backendName)).toEqual(gradient('cpu'));

    const images = (height: number, width: number) => ({ shape: [1, height, width, 1] });
    for (const alignCorners of [true, false]) {
      const ends = (dy: { shape: number[] }) =>
        hasEnd('ResizeNearestNeighborGrad', { images: images(2, 2), dy }, { alignCorners });
      expect([ends(images(9, 9)), ends(images(1, 1)), ends(images(Infinity, 2))]).toEqual([true, true, false]);
    }
    for (const strides of [2, [1, 3], -1]) expect(hasEnd('Conv2DBackpropInput', {}, { strides })).toBe(true);
    for (const strides of [0, [1, 0], '0']) expect(hasEnd('Conv2DBackpropInput', {}, { strides })).toBe(false);
  });

  it('refuses a bias or slopes of more dimensions than the product, a slice and an index outside of the tensor', () => {
    void tf.setBackend(backendName);
    const ones = tf.ones([2, 2]);
    const before = tf.backend().numDataIds();
    const refused: (() => tf.Tensor | tf.Tensor[])[] = [
      () => tf.fused.matMul({ a: ones, b: ones, bias: tf.ones([50, 1, 2]) }),
      () => tf.fused.matMul({ a: ones, b: ones, activation: 'prelu', preluActivationWeights: tf.ones([50, 2, 2]) }),
      () => tf.slice(ones, [-1, 0], [2, 2]),
      () => tf.slice(ones, [1, 0], [2, 2]),
      () => tf.gatherND(ones, tf.tensor2d([[2, 0]], undefined, 'int32')),
      () => tf.scatterND(tf.tensor2d([[-1]], undefined, 'int32'), tf.ones([1, 2]), [2, 2]),
      () => tf.concat([ones, tf.ones([2, 3])], 0),
      () => tf.split(ones, [1, 2], 0),
    ];
    for (const call of refused) expect(() => tf.tidy(call)).toThrow();
    expect(tf.backend().numDataIds()).toBe(before);
    ones.dispose();
  });
});
