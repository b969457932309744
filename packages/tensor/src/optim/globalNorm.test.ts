import * as tf from '@tensorflow/tfjs';

import { globalNorm } from '../index.js';
import { availableBackends } from '../testing/backends.js';
import { expectNoLeak } from '../testing/twin.js';

describe.each(availableBackends())('globalNorm on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  const normOf = (...gradients: number[][]) =>
    tf.tidy(() => globalNorm(gradients.map((gradient) => tf.tensor1d(gradient))).dataSync()[0]!);

  it('is the norm of all gradients as one vector', () => {
    expect(normOf([3], [4, 12], [], [0])).toBeCloseTo(13, 5);
    expect(normOf([0, 0], [])).toBe(0);
    expect(normOf([])).toBe(0);
    expect(globalNorm([]).dataSync()[0]).toBe(0);
  });

  it.each([1e-30, 1e30])('neither overflows nor underflows: of 3 and 4 times %d', (unit) => {
    expect(normOf([3 * unit, 0], [-4 * unit]) / unit).toBeCloseTo(5, 5);
  });

  it.each([
    [[NaN], NaN],
    [[1, NaN, 2], NaN],
    [[0, NaN], NaN],
    [[Infinity, 1], Infinity],
    [[1, -Infinity], Infinity],
    [[Infinity, NaN], NaN],
    [[NaN, -Infinity], NaN],
  ])('of %j is %d', (gradient, expected) => {
    expect(normOf([1, 2], gradient)).toBe(expected);
    expect(normOf(gradient, [0])).toBe(expected);
  });

  it('is within 1e-5 for a million equal numbers', () => {
    const count = 1_234_567;
    const norm = tf.tidy(() => globalNorm([tf.fill([count], 0.1)]).dataSync()[0]!);
    expect(Math.abs(norm / (0.1 * Math.sqrt(count)) - 1)).toBeLessThan(1e-5);
  });

  it('leaves no tensor behind', () => {
    const gradients = [tf.ones([3000]), tf.ones([2, 2])];
    expectNoLeak(() => globalNorm(gradients).dispose());
  });
});
