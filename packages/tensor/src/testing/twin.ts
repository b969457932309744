import * as tf from '@tensorflow/tfjs';
import { relativeError } from '@scmoe/testing';

type Op = (...inputs: tf.Tensor[]) => tf.Tensor;

/**
 * Checks that a fused operation and its composed twin agree, in value and in the gradient of every input, for the loss
 * sum(output * r) with a fixed random r.
 *
 * The default tolerances are in units of each tensor's largest magnitude: both sides are float32 sums of up to a few
 * thousand products in different orders, which PyTorch's float32 shows to be within 1e-6 and 4e-6 of float64.
 */
export function expectTwinsAgree(
  fused: Op,
  composed: Op,
  inputs: tf.Tensor[],
  { values = 1e-5, gradients = 5e-5 }: { values?: number; gradients?: number } = {},
): void {
  tf.tidy(() => {
    const floats = inputs.filter((input) => input.dtype === 'float32');
    const run = (op: Op) => {
      const all = (replaced: tf.Tensor[]) => {
        const rest = replaced.slice();
        return op(...inputs.map((input) => (input.dtype === 'float32' ? rest.shift()! : input)));
      };
      const value = all(floats);
      const r = tf.randomNormal(value.shape, 0, 1, 'float32', 7);
      const recordedLoss = (...xs: tf.Tensor[]) => {
        const recorded = all(xs);
        // What a kernel keeps for its gradient must not change what it computes.
        expect(recorded.dataSync()).toEqual(value.dataSync());
        return tf.sum(tf.mul(recorded, r));
      };
      return { value, grads: tf.grads(recordedLoss)(floats) };
    };
    const actual = run(fused);
    const expected = run(composed);
    expect(relativeError(actual.value, expected.value)).toBeLessThan(values);
    expected.grads.forEach((grad, i) => expect(relativeError(actual.grads[i]!, grad)).toBeLessThan(gradients));
  });
}

/** Checks that running `body` leaves as many tensors as there were. */
export function expectNoLeak(body: () => void): void {
  body(); // what is made once and kept, such as tables, is made here
  const before = tf.memory().numTensors;
  body();
  expect(tf.memory().numTensors).toBe(before);
}
