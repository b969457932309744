import * as tf from '@tensorflow/tfjs';

import { stopGradient, useBackend, valueAndGrads } from '../index.js';

beforeAll(() => useBackend('auto', { threads: 1 }));

describe('stopGradient', () => {
  it('keeps the values and stops the gradient, in tf.grads and in valueAndGrads', () => {
    const v = tf.variable(tf.tensor1d([1, 2, 3]));
    const loss = () => v.mul(stopGradient(v.square())).sum();
    const { value, grads } = valueAndGrads(loss, { v });
    expect(value.dataSync()[0]).toBe(36);
    expect(Array.from(grads['v']!.dataSync())).toEqual([1, 4, 9]);
    const [grad] = tf.grads((x) => x.mul(stopGradient(x.square())).sum())([v]);
    expect(Array.from(grad!.dataSync())).toEqual([1, 4, 9]);
  });

  it('needs no gradient of what comes before it', () => {
    const v = tf.variable(tf.tensor1d([3, 1]));
    const unique = () => tf.engine().runKernel('Unique', { x: v }, { axis: 0 }) as unknown as tf.Tensor[];
    expect(() => valueAndGrads(() => unique()[0]!.mul(v).sum(), { v })).toThrow(/No gradient is registered for Unique/);
    const { grads } = valueAndGrads(() => stopGradient(unique()[0]!).mul(v).sum(), { v });
    expect(Array.from(grads['v']!.dataSync())).toEqual([3, 1]);
  });

  it('copies nothing, leaks nothing, and works outside of any gradient', () => {
    const x = tf.ones([4]);
    const before = tf.memory();
    const y = stopGradient(x);
    expect(tf.memory().numDataBuffers).toBe(before.numDataBuffers);
    y.dispose();
    expect(tf.memory().numTensors).toBe(before.numTensors);
    expect(tf.engine().state.gradientDepth).toBe(0);
  });
});
