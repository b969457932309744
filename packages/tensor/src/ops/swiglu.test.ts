import * as tf from '@tensorflow/tfjs';

import { expectGradientsMatch, itMatchesReference, relativeError } from '@scmoe/testing';
import { linear, swiglu, swigluComposed } from '../index.js';
import { availableBackends } from '../testing/backends.js';
import { expectNoLeak, expectTwinsAgree } from '../testing/twin.js';

const random = (...shape: number[]) => tf.randomNormal(shape, 0, 1, 'float32', 11);
const weights = (d: number, f: number) => [random(d, f), tf.mul(random(d, f), 0.7), random(f, d)];

describe.each(availableBackends())('swiglu on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it.each([
    [1, 4, 3],
    [9, 7, 11],
    [300, 32, 48],
    [0, 4, 4],
  ])('agrees with its twin, %d x %d x %d', (rows, d, f) => {
    const inputs = [random(rows, d), ...weights(d, f)];
    expectTwinsAgree(
      (x, g, u, w) => swiglu(x, g, u, w),
      (x, g, u, w) => swigluComposed(x, g, u, w),
      inputs,
    );
  });

  it('has the gradients of finite differences', () => {
    const inputs = [random(2, 2, 3), ...weights(3, 4)];
    expectGradientsMatch((x, g, u, w) => tf.sum(swiglu(x, g, u, w)), inputs);
  });

  // The reference has all three forms of a feed-forward network: the others are two products with an activation between.
  itMatchesReference('or linear matches the reference values', 'ffn', ({ tensors, config }) => {
    const { activation } = config as { activation: 'swiglu' | 'gelu' | 'gelu_tanh' };
    const [names, apply] =
      activation === 'swiglu'
        ? [['gate', 'up', 'down'], (x: tf.Tensor, [g, u, w]: tf.Tensor[]) => swiglu(x, g!, u!, w!)]
        : [
            ['w1', 'b1', 'w2', 'b2'],
            (x: tf.Tensor, [w1, b1, w2, b2]: tf.Tensor[]) => linear(linear(x, w1!, b1, { activation }), w2!, b2),
          ];
    const keys = ['input.x', ...names.map((name) => `param.${name}`)];
    const inputs = keys.map((key) => tensors[key]!);
    expect(relativeError(apply(inputs[0]!, inputs.slice(1)), tensors['output.y']!)).toBeLessThan(1e-5);
    const loss = (x: tf.Tensor, ...weights: tf.Tensor[]) => tf.sum(tf.mul(apply(x, weights), tensors['r.y']!));
    const gradients = tf.grads(loss)(inputs);
    keys.forEach((key, i) => {
      expect(relativeError(gradients[i]!, tensors[`grad.${key}`]!)).toBeLessThan(5e-5);
    });
  });

  it('leaves no tensor behind', () => {
    const [x, g, u, w] = [random(4, 6), ...weights(6, 8)] as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    expectNoLeak(() => tf.tidy(() => void tf.grads((a: tf.Tensor) => tf.sum(swiglu(a, g, u, w)))([x])));
  });

  it('names what does not fit', () => {
    const [g, u, w] = weights(4, 6) as [tf.Tensor, tf.Tensor, tf.Tensor];
    expect(() => swiglu(random(2, 5), g, u, w)).toThrow('swiglu: gate: expected (5, 6)');
    expect(() => swiglu(random(2, 4), g, w, w)).toThrow('swiglu: up: expected (4, 6) like gate, got (6, 4)');
    expect(() => swiglu(random(2, 4), g, u, u)).toThrow('swiglu: down: expected (6, 4)');
  });
});
