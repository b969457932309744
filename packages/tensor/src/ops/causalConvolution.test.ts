import { expectGradientsMatch, relativeError } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { causalConvolution } from '../index.js';
import { availableBackends } from '../testing/backends.js';

describe.each(availableBackends())('causalConvolution on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  const x = () => tf.randomNormal<tf.Rank.R3>([2, 7, 3], 0, 1, 'float32', 1);
  const weight = () => tf.randomNormal<tf.Rank.R2>([4, 3], 0, 1, 'float32', 2);

  it('sums each token and those before it, channel by channel', () => {
    const [rows, taps] = [x().arraySync(), weight().arraySync()];
    const expected = rows.map((tokens) =>
      tokens.map((token, t) =>
        token.map((_, c) => taps.reduce((sum, tap, m) => sum + tap[c]! * (tokens[t - 3 + m]?.[c] ?? 0), 0)),
      ),
    );
    expect(relativeError(causalConvolution(x(), weight()).output, tf.tensor3d(expected))).toBeLessThan(1e-6);
  });

  it('goes on behind earlier tokens, fewer than the taps or more, as if all came at once', () => {
    const whole = causalConvolution(x(), weight());
    let past: tf.Tensor3D | undefined;
    const outputs: tf.Tensor3D[] = [];
    for (const [first, count] of [
      [0, 1],
      [1, 1],
      [2, 5],
    ] as const) {
      // prettier-ignore
      const next = causalConvolution(tf.slice(x(), [0, first, 0], [2, count, 3]), weight(), past);
      outputs.push(next.output);
      past = next.past;
    }
    expect(tf.concat(outputs, 1).arraySync()).toEqual(whole.output.arraySync());
    expect(past!.arraySync()).toEqual(whole.past.arraySync());
  });

  it('with one tap weighs each channel, with gradients', () => {
    const tap = tf.randomNormal<tf.Rank.R2>([1, 3], 0, 1, 'float32', 2);
    const result = causalConvolution(x(), tap);
    expect(result.output.arraySync()).toEqual(tf.mul(x(), tap).arraySync());
    expect(result.past.shape).toEqual([2, 0, 3]);
    const [dx] = tf.grads((...each) =>
      tf.sum(causalConvolution(each[0] as tf.Tensor3D, each[1] as tf.Tensor2D).output),
    )([x(), tap]);
    expect(dx!.arraySync()).toEqual(tf.mul(tf.onesLike(x()), tap).arraySync());
  });

  it('has the gradients that finite differences show', () => {
    const [past, r] = [
      tf.randomNormal<tf.Rank.R3>([2, 3, 3], 0, 1, 'float32', 3),
      tf.randomNormal([2, 7, 3], 0, 1, 'float32', 4),
    ];
    const loss = (...each: tf.Tensor[]) => {
      const [a, b, c] = each as [tf.Tensor3D, tf.Tensor2D, tf.Tensor3D];
      return tf.sum(tf.mul(causalConvolution(a, b, c).output, r));
    };
    expectGradientsMatch((...each) => loss(...each), [x(), weight(), past]);
  });

  it('refuses what does not fit, by name', () => {
    expect(() => causalConvolution(x(), tf.zeros([4, 2]))).toThrow(
      'weight: expected (4, 3) for the channels of x, got (4, 2)',
    );
    expect(() => causalConvolution(x(), weight(), tf.zeros([2, 4, 3]))).toThrow('past: expected (2, 3, 3)');
  });
});
