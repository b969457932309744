import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { backendName, findAddon } from '../../index.js';

/** What a backend draws from these numbers. */
function drawn(backend: string, numbers: number[][], samples: number, seed: number, normalized: boolean): number[][] {
  void tf.setBackend(backend);
  return tf.tidy(() => (tf.multinomial(tf.tensor2d(numbers), samples, seed, normalized) as tf.Tensor2D).arraySync());
}

function expectSameDraws(numbers: number[][], samples: number, seed: number, normalized: boolean): number[][] {
  const [expected, actual] = ['cpu', backendName].map((backend) => drawn(backend, numbers, samples, seed, normalized));
  expect(actual).toEqual(expected);
  return actual!;
}

const logits = (rows: number, columns: number, seed: number) =>
  tf.tidy(() => tf.randomNormal<tf.Rank.R2>([rows, columns], 0, 3, 'float32', seed).arraySync());

describeUnless(findAddon().problem, 'native draws of events', () => {
  afterAll(() => tf.setBackend(backendName));

  it.each([1, 7, 0.123456789, 1e21, -5, 2 ** 31])('are those of backend cpu for seed %d, of logits', (seed) => {
    expectSameDraws(logits(5, 40, 1), 60, seed, false);
    expectSameDraws(logits(2, 2, 2), 60, seed, false);
  });

  it.each([1, 7, 0.5])('are those of backend cpu for seed %d, of probabilities', (seed) => {
    expectSameDraws([[0.25, 0.5, 0.125, 0.125], [0, 0, 1, 0], [1, 0, 0, 0]], 60, seed, true); // prettier-ignore
    // What adds up to something else, goes down on its way, or is no number.
    expectSameDraws([[0.2, 0.1, 0.1], [2, 3, 1], [0.6, -0.3, 0.4], [0.1, NaN, 0.4]], 60, seed, true); // prettier-ignore
  });

  it('are events with a chance alone, and the last one where there is no number', () => {
    const rows = expectSameDraws([[-Infinity, 0, -Infinity], [-Infinity, -Infinity, -Infinity], [NaN, 0, 0]], 20, 3, false); // prettier-ignore
    expect(new Set(rows[0])).toEqual(new Set([1]));
    expect(new Set(rows[1])).toEqual(new Set([2]));
  });

  it('come as often as they should', () => {
    const [row] = drawn(backendName, [[0.5, 0.3, 0.2].map(Math.log)], 20_000, 11, false);
    // Five standard deviations of a share: 5 sqrt(0.25 / 20000) = 0.018.
    [0.5, 0.3, 0.2].forEach((chance, event) =>
      expect(Math.abs(row!.filter((each) => each === event).length / 20_000 - chance)).toBeLessThan(0.018),
    );
  });
});
