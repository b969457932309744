import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { backendName, findAddon } from '../../index.js';

type Shape5 = [number, number, number, number, number];
type Op = (x: tf.Tensor5D, filter: tf.Tensor5D) => tf.Tensor;

const random = (shape: Shape5, seed: number) => tf.randomNormal<tf.Rank.R5>(shape, 0, 1, 'float32', seed);

/** Result, and gradients of x and filter for a random dy. */
function valuesOn(backend: string, op: Op, xShape: Shape5, filterShape: Shape5): Float32Array[] {
  void tf.setBackend(backend);
  return tf.tidy(() => {
    const [x, filter] = [random(xShape, 1), random(filterShape, 2)];
    const y = op(x, filter);
    const dy = tf.randomNormal(y.shape, 0, 1, 'float32', 3);
    const gradients = tf.grads((a, b) => op(a as tf.Tensor5D, b as tf.Tensor5D))([x, filter], dy);
    return [y, ...gradients].map((tensor) => tensor.dataSync<'float32'>().slice());
  });
}

function expectNear(actual: Float32Array, expected: Float32Array): void {
  expect(actual.length).toBe(expected.length);
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  actual.forEach((value, i) => {
    if (Math.abs(value - expected[i]!) > 1e-5 * scale) throw new Error(`element ${i}: ${value}, not ${expected[i]}`);
  });
}

const one: Shape5 = [1, 1, 1, 1, 1];
const cases: [what: string, op: Op, x: Shape5, filter: Shape5][] = [
  ['3 x 3 x 3 at the same size', (x, f) => tf.conv3d(x, f, 1, 'same'), [2, 4, 5, 6, 3], [3, 3, 3, 3, 5]],
  ['steps that differ, no padding', (x, f) => tf.conv3d(x, f, [2, 1, 2], 'valid'), [1, 5, 6, 7, 4], [2, 3, 1, 4, 3]],
  ['single voxels', (x, f) => tf.conv3d(x, f, 1, 'valid'), [2, 3, 4, 4, 8], [1, 1, 1, 8, 6]],
  ['the largest of a window', (x, f) => tf.mul(tf.maxPool3d(x, 2, 2, 'same'), f), [2, 3, 5, 5, 4], one],
  ['the mean of a window', (x, f) => tf.mul(tf.avgPool3d(x, [2, 3, 1], 1, 'same'), f), [1, 4, 5, 3, 6], one],
];

describeUnless(findAddon().problem, 'native convolutions and pooling of volumes', () => {
  afterAll(() => tf.setBackend(backendName));

  it.each(cases)('give with %s what tfjs-backend-cpu gives, with its gradients', (_, op, x, filter) => {
    const expected = valuesOn('cpu', op, x, filter);
    valuesOn(backendName, op, x, filter).forEach((actual, i) => expectNear(actual, expected[i]!));
  });

  it.each(cases)('give with %s the same bits on any number of threads', (_, op, x, filter) => {
    void tf.setBackend(backendName);
    const threads = loadAddon().getThreads();
    const held = tf.backend().numDataIds();
    try {
      const [one, several] = [1, 3].map((count) => {
        loadAddon().setThreads({ count });
        return valuesOn(backendName, op, x, filter);
      });
      expect(several).toEqual(one);
    } finally {
      loadAddon().setThreads({ count: threads });
    }
    expect(tf.backend().numDataIds()).toBe(held);
  });

  it('send the gradient of the largest to where it is, in windows that are wider than high', () => {
    void tf.setBackend(backendName);
    tf.tidy(() => {
      const x = tf.tensor5d([1, 2, 3, 9, 5, 6], [1, 1, 2, 3, 1]);
      const dx = tf.grad((volume) => tf.maxPool3d(volume as tf.Tensor5D, [1, 2, 3], 1, 'valid'))(x);
      expect([...dx.dataSync()]).toEqual([0, 0, 0, 1, 0, 0]);
    });
  });
});
