// Registers the native backend.
import '@scmoe/tensor';
import { availableBackends } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { patchesOf } from './patchesOf.js';

describe.each(availableBackends())('patchesOf on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it('takes patches row by row, in each one channel after the other', () => {
    // Image, row, column and channel as the digits of a number.
    const pixels = tf.buffer([2, 4, 6, 3]);
    for (let b = 0; b < 2; b++)
      for (let y = 0; y < 4; y++)
        for (let x = 0; x < 6; x++) for (let c = 0; c < 3; c++) pixels.set(1000 * b + 100 * y + 10 * x + c, b, y, x, c);
    const patches = patchesOf(pixels.toTensor() as tf.Tensor4D, 2);
    expect(patches.shape).toEqual([2, 6, 12]);
    const rows = patches.arraySync();
    expect(rows[0]![0]).toEqual([0, 10, 100, 110, 1, 11, 101, 111, 2, 12, 102, 112]);
    expect(rows[0]![1]!.slice(0, 4)).toEqual([20, 30, 120, 130]);
    expect(rows[0]![3]!.slice(0, 4)).toEqual([200, 210, 300, 310]);
    expect(rows[1]![5]!.slice(8)).toEqual([1242, 1252, 1342, 1352]);
  });

  it('gives a product what a convolution with a stride gives', () => {
    const pixels = tf.randomNormal<tf.Rank.R4>([2, 8, 12, 3], 0, 1, 'float32', 1);
    const filter = tf.randomNormal<tf.Rank.R4>([6, 6, 3, 5], 0, 1, 'float32', 2);
    const padded = tf.pad(pixels, [
      [0, 0],
      [1, 1],
      [1, 1],
      [0, 0],
    ]);
    const expected = tf.conv2d(padded, filter, 4, 'valid').dataSync();
    // (row, column, channel, out) -> (channel, row, column, out)
    const weights = tf.reshape(tf.transpose(filter, [2, 0, 1, 3]), [108, 5]);
    const patches = patchesOf(pixels, 6, 4);
    expect(patches.shape).toEqual([2, 6, 108]);
    const got = tf.matMul(tf.reshape(patches, [12, 108]), weights).dataSync();
    got.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 3));
  });
});
