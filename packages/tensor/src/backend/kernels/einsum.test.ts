import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { findAddon, useBackend } from '../../index.js';

describeUnless(findAddon().problem, 'einsum, natively', () => {
  beforeAll(() => useBackend('scmoe', { threads: 1 }));

  const random = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);

  it.each<[equation: string, a: number[], b: number[], expected: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor]>([
    ['ij,j->', [2, 3], [3], (a, b) => tf.sum(tf.mul(tf.sum(a, 0), b))],
    ['ij,kj->', [2, 3], [4, 3], (a, b) => tf.sum(tf.mul(tf.sum(a, 0), tf.sum(b, 0)))],
    ['ij,k->', [2, 3], [4], (a, b) => tf.mul(tf.sum(a), tf.sum(b))],
    ['ij,jk->k', [2, 3], [3, 4], (a, b) => tf.sum(tf.mul(tf.expandDims(tf.sum(a, 0), 1), b), 0)],
    ['bij,bk->bi', [2, 3, 4], [2, 5], (a, b) => tf.mul(tf.sum(a, 2), tf.expandDims(tf.sum(b, 1), 1))],
    ['ij,jk->ki', [2, 3], [3, 4], (a, b) => tf.transpose(tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D))],
  ])('gives %s what its letters say, and leaves nothing behind', (equation, a, b, expected) => {
    const { numTensors } = tf.memory();
    tf.tidy(() => {
      const [x, y] = [random(a, 1), random(b, 2)];
      const [got, wanted] = [tf.einsum(equation, x, y), expected(x, y)];
      expect(got.shape).toEqual(wanted.shape);
      expect(tf.max(tf.abs(tf.sub(got, wanted))).dataSync()[0]).toBeLessThan(1e-5);
    });
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});
