import * as tf from '@tensorflow/tfjs';

import { expectGradientsMatch } from './finiteDifferences.js';

describe('expectGradientsMatch', () => {
  const x = () => tf.tensor2d([0.3, -0.7, 1.2, 0.5, -1.1, 0.9], [2, 3]);

  it('accepts right gradients, passing integer inputs through', () => {
    const f = (a: tf.Tensor, ids: tf.Tensor, b: tf.Tensor) => a.gather(ids.toInt()).mul(b).tanh().sum<tf.Scalar>();
    expectGradientsMatch(f, [x(), tf.tensor1d([1, 0, 1], 'int32'), tf.tensor1d([1, 2, -1])]);
  });

  it('rejects wrong gradients and says where', () => {
    const wrong = tf.customGrad((a) => {
      const input = a as tf.Tensor;
      return { value: input.square(), gradFunc: (dy: tf.Tensor) => dy.mul(0.5) };
    });
    expect(() => expectGradientsMatch((a) => wrong(a).sum(), [x()])).toThrow(/input 0, element 0: gradient 0.5/);
  });

  it('finds an error in a single element of a large input by its direction', () => {
    const large = tf.zeros([400]);
    const last = tf.oneHot(tf.scalar(399, 'int32'), 400).toFloat().mul(5);
    const wrong = tf.customGrad((a) => {
      const input = a as tf.Tensor;
      return { value: input.add(0), gradFunc: (dy: tf.Tensor) => dy.add(last) };
    });
    expect(() => expectGradientsMatch((a) => wrong(a).sum(), [large], { samples: 1 })).toThrow(/random direction/);
  });

  it('leaves no tensors behind', () => {
    const inputs = [x()];
    const before = tf.memory().numTensors;
    expectGradientsMatch((a) => a.square().sum(), inputs);
    expect(tf.memory().numTensors).toBe(before);
  });
});
