import { captureFunction, findAddon, useBackend } from '@scmoe/tensor';
import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { borrowElements } from './hostTensors.js';

describeUnless(findAddon().problem, 'elements of a tensor that are on their way', () => {
  beforeAll(() => useBackend('scmoe', { threads: 1 }));

  it('stay what they are while the captured function that gave them is called again', () => {
    const twice = captureFunction((x: tf.Tensor1D) => tf.mul(x, 2));
    const result = (value: number) => tf.tidy(() => twice(tf.fill<tf.Rank.R1>([4], value)));
    for (const value of [1, 2, 3]) result(value).dispose();
    const given = result(4);
    const { array, release } = borrowElements(given);
    given.dispose();
    result(5).dispose();
    expect(array).toEqual(Float32Array.of(8, 8, 8, 8));
    release();
    expect(twice.problem()).toBeUndefined();
    twice.dispose();
  });

  it('go nowhere in a captured function, which runs as it stands', () => {
    const sent: number[] = [];
    const send = captureFunction((x: tf.Tensor1D) => {
      const { array, release } = borrowElements(x);
      sent.push(array[0]!);
      release();
      return tf.mul(x, 2);
    });
    for (const value of [1, 1, 3]) tf.tidy(() => send(tf.fill<tf.Rank.R1>([4], value)));
    expect(sent).toEqual([1, 1, 3]);
    expect(send.problem()).toBe('it hands the data of a tensor to others');
  });
});
