import * as tf from '@tensorflow/tfjs';

import { expectGradientsMatch, itMatchesReference, relativeError } from '@scmoe/testing';
import { layerNorm, layerNormComposed, rmsNorm, rmsNormComposed } from '../index.js';
import { availableBackends } from '../testing/backends.js';
import { expectNoLeak, expectTwinsAgree } from '../testing/twin.js';

const random = (...shape: number[]) => tf.randomNormal(shape, 0.5, 2, 'float32', shape.length + 5);
// One row, odd width, more rows than one thread takes, no rows.
const shapes = [
  [1, 8],
  [5, 3, 13],
  [3, 4],
  [200, 64],
  [0, 4],
];

describe.each(availableBackends())('norms on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it.each(shapes.map((shape) => [shape]))('layerNorm agrees with its twin on %j', (shape) => {
    const d = shape.at(-1)!;
    expectTwinsAgree(
      (x, w, b) => layerNorm(x, w, b),
      (x, w, b) => layerNormComposed(x, w, b),
      [random(...shape), random(d), random(d)],
    );
  });

  it.each(shapes.map((shape) => [shape]))('rmsNorm agrees with its twin on %j', (shape) => {
    const inputs = [random(...shape), random(shape.at(-1)!)];
    expectTwinsAgree(
      (x, w) => rmsNorm(x, w),
      (x, w) => rmsNormComposed(x, w),
      inputs,
    );
  });

  it('give the bias for rows without variance', () => {
    const y = layerNorm(tf.tensor2d([[5], [-2]]), tf.tensor1d([3]), tf.tensor1d([0.5]));
    expect(y.arraySync()).toEqual([[0.5], [0.5]]);
  });

  it('have the gradients of finite differences', () => {
    expectGradientsMatch((x, w, b) => tf.sum(tf.square(layerNorm(x, w, b))), [random(3, 6), random(6), random(6)]);
    expectGradientsMatch((x, w) => tf.sum(tf.square(rmsNorm(x, w))), [random(3, 6), random(6)]);
  });

  itMatchesReference('match the reference values', 'norm', ({ tensors, config }) => {
    const { norm, normEps } = config as { norm: 'layer' | 'rms'; normEps: number };
    const names = ['input.x', 'param.weight', ...(norm === 'layer' ? ['param.bias'] : [])];
    const apply = (x: tf.Tensor, weight: tf.Tensor, bias?: tf.Tensor) =>
      bias ? layerNorm(x, weight, bias, { epsilon: normEps }) : rmsNorm(x, weight, { epsilon: normEps });
    const inputs = names.map((name) => tensors[name]!) as [tf.Tensor, tf.Tensor, tf.Tensor?];
    expect(relativeError(apply(...inputs), tensors['output.y']!)).toBeLessThan(1e-5);
    const loss = (...xs: tf.Tensor[]) => tf.sum(tf.mul(apply(...(xs as typeof inputs)), tensors['r.y']!));
    const gradients = tf.grads(loss)(inputs as tf.Tensor[]);
    names.forEach((name, i) => {
      expect(relativeError(gradients[i]!, tensors[`grad.${name}`]!)).toBeLessThan(5e-5);
    });
  });

  it('leave no tensor behind', () => {
    const [x, w] = [random(4, 6), random(6)] as const;
    expectNoLeak(() => tf.tidy(() => void tf.grads((a: tf.Tensor) => tf.sum(layerNorm(rmsNorm(a, w), w, w)))([x])));
  });

  it('name what does not fit', () => {
    expect(() => layerNorm(random(2, 4), random(3), random(4))).toThrow('layerNorm: weight: expected (4)');
    expect(() => layerNorm(random(2, 4), random(4), random(5))).toThrow('layerNorm: bias: expected (4)');
    expect(() => rmsNorm(random(2, 4), tf.zeros([4], 'int32'))).toThrow('rmsNorm: weight: expected float32, got int32');
    expect(() => rmsNorm(random(2, 4), random(4), { epsilon: -1 })).toThrow('epsilon: expected a number >= 0, got -1');
    expect(() => rmsNorm(tf.scalar(1), random(1))).toThrow('rmsNorm: x: expected at least one dimension');
  });
});
