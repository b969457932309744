import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { backendName, findAddon } from '../../index.js';

type Op = (x: tf.Tensor4D, filter: tf.Tensor4D) => tf.Tensor;

let seed = 1;
const random = (...shape: number[]) =>
  tf.randomNormal<tf.Rank.R4>(shape as [number, number, number, number], 0, 1, 'float32', seed++);

/** Result, and gradients of x and filter for a random dy. */
function valuesOn(backend: string, op: Op, xShape: number[], filterShape: number[]): Float32Array[] {
  void tf.setBackend(backend);
  seed = 1;
  return tf.tidy(() => {
    const [x, filter] = [random(...xShape), random(...filterShape)];
    const y = op(x, filter);
    const dy = tf.randomNormal(y.shape, 0, 1, 'float32', 99);
    const gradients = tf.grads((a, b) => op(a as tf.Tensor4D, b as tf.Tensor4D))([x, filter], dy);
    return [y, ...gradients].map((tensor) => tensor.dataSync<'float32'>().slice());
  });
}

function expectNear(actual: Float32Array, expected: Float32Array): void {
  expect(actual.length).toBe(expected.length);
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  let worst = 0;
  for (let i = 0; i < actual.length; i++) worst = Math.max(worst, Math.abs(actual[i]! - expected[i]!));
  expect(worst / scale).toBeLessThan(1e-5);
}

const cases: [what: string, op: Op, x: number[], filter: number[]][] = [
  ['3 x 3 at the same size', (x, f) => tf.conv2d(x, f, 1, 'same'), [2, 13, 11, 8], [3, 3, 8, 20]],
  ['a filter deeper than one block', (x, f) => tf.conv2d(x, f, 1, 'same'), [1, 9, 9, 60], [3, 3, 60, 17]],
  ['every other pixel', (x, f) => tf.conv2d(x, f, 2, 'same'), [2, 15, 12, 6], [3, 3, 6, 9]],
  ['7 x 7 over colours, every other pixel', (x, f) => tf.conv2d(x, f, 2, 'same'), [1, 33, 34, 3], [7, 7, 3, 16]],
  ['steps that differ, no padding', (x, f) => tf.conv2d(x, f, [2, 3], 'valid'), [2, 11, 14, 5], [4, 2, 5, 3]],
  ['padding of its own on each side', (x, f) => tf.conv2d(x, f, 1, [[0, 0], [2, 0], [0, 1], [0, 0]]), [1, 6, 7, 4], [3, 3, 4, 5]], // prettier-ignore
  ['single pixels', (x, f) => tf.conv2d(x, f, 1, 'valid'), [2, 12, 13, 24], [1, 1, 24, 40]],
  ['single pixels, every other', (x, f) => tf.conv2d(x, f, 2, 'valid'), [2, 9, 9, 16], [1, 1, 16, 8]],
  ['a filter that is transposed', (x, f) => tf.conv2dTranspose(x, f, [2, 14, 10, 6], 2, 'same'), [2, 7, 5, 4], [3, 3, 6, 4]], // prettier-ignore
  ['channels first', (x, f) => tf.conv2d(x, f, 1, 'same', 'NCHW'), [2, 6, 9, 8], [3, 2, 6, 5]],
  ['channels first, every other pixel', (x, f) => tf.conv2d(x, f, [2, 1], 'valid', 'NCHW'), [1, 4, 9, 8], [3, 3, 4, 7]],
  ['channels first and padding of its own', (x, f) => tf.conv2d(x, f, 1, [[0, 0], [0, 0], [2, 0], [0, 1]], 'NCHW'), [1, 4, 6, 7], [3, 3, 4, 5]], // prettier-ignore
  ['each channel by itself', (x, f) => tf.depthwiseConv2d(x, f, 1, 'same'), [2, 9, 10, 45], [3, 3, 45, 1]],
  ['one channel by itself', (x, f) => tf.depthwiseConv2d(x, f, 1, 'same'), [1, 6, 9, 1], [3, 3, 1, 1]],
  ['three channels, fewer than any vector has', (x, f) => tf.depthwiseConv2d(x, f, 1, 'same'), [2, 6, 9, 3], [3, 3, 3, 1]], // prettier-ignore
  ['six channels, more than the shortest vector has', (x, f) => tf.depthwiseConv2d(x, f, 1, 'valid'), [2, 6, 9, 6], [3, 2, 6, 1]], // prettier-ignore
  [
    'eight channels, a vector or half of one',
    (x, f) => tf.depthwiseConv2d(x, f, 1, 'same'),
    [2, 6, 9, 8],
    [3, 3, 8, 1],
  ],
  ['thirteen channels, half a vector and some', (x, f) => tf.depthwiseConv2d(x, f, 2, 'same'), [1, 7, 12, 13], [3, 3, 13, 1]], // prettier-ignore
  ['each channel, every other pixel', (x, f) => tf.depthwiseConv2d(x, f, 2, 'same'), [1, 12, 9, 32], [5, 3, 32, 1]],
  ['several filters for each channel', (x, f) => tf.depthwiseConv2d(x, f, 1, 'valid'), [2, 6, 7, 5], [3, 2, 5, 3]],
  ['the largest of a window', (x, f) => tf.mul(tf.maxPool(x, 3, 2, 'same'), f), [2, 14, 11, 9], [1]],
  [
    'the largest of windows side by side',
    (x, f) => tf.mul(tf.maxPool(x, [2, 3], [2, 3], 'valid'), f),
    [1, 8, 9, 33],
    [1],
  ],
  ['the mean of a window', (x, f) => tf.mul(tf.avgPool(x, 3, 1, 'same'), f), [2, 7, 11, 9], [1]],
  ['the mean of windows side by side', (x, f) => tf.mul(tf.avgPool(x, 2, 2, 'valid'), f), [1, 8, 9, 16], [1]],
];

describeUnless(findAddon().problem, 'native convolutions and pooling', () => {
  afterAll(() => tf.setBackend(backendName));

  it.each(cases)('give with %s what tfjs-backend-cpu gives, with its gradients', (_, op, x, filter) => {
    const expected = valuesOn('cpu', op, x, filter);
    valuesOn(backendName, op, x, filter).forEach((actual, i) => expectNear(actual, expected[i]!));
  });

  it.each(cases)(
    'give with %s the same bits on any number of threads, and leave nothing behind',
    (_, op, x, filter) => {
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
    },
  );

  it.each(['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu', 'prelu'] as const)(
    'add a bias, one for each channel or one for all, and end in %s',
    (activation) => {
      for (const channels of [7, 1]) {
        const [expected, actual] = ['cpu', backendName].map((backend) => {
          void tf.setBackend(backend);
          seed = 1;
          return tf.tidy(() => {
            const [x, bias] = [random(1, 6, 5, 7), tf.randomNormal([channels], 0, 1, 'float32', 50)];
            const slopes = activation === 'prelu' ? tf.randomNormal([7], 0, 1, 'float32', 51) : undefined;
            const end = { bias, activation, preluActivationWeights: slopes, leakyreluAlpha: 0.3 };
            const given = { x, strides: 1, pad: 'same', ...end } as const;
            return [
              tf.fused.conv2d({ ...given, filter: random(3, 3, 7, 7) }),
              tf.fused.depthwiseConv2d({ ...given, filter: random(3, 3, 7, 1) }),
            ].map((tensor) => tensor.dataSync<'float32'>().slice());
          });
        }) as [Float32Array[], Float32Array[]];
        actual.forEach((values, i) => expectNear(values, expected[i]!));
      }
    },
  );

  it('keep NaN where the nearest of two bounds is taken, and take none for the largest', () => {
    void tf.setBackend(backendName);
    tf.tidy(() => {
      const x = tf.tensor4d([NaN, -1, 2, NaN], [1, 2, 2, 1]);
      const filter = tf.ones<tf.Rank.R4>([1, 1, 1, 1]);
      const relu6 = tf.fused.conv2d({ x, filter, strides: 1, pad: 'valid', activation: 'relu6' });
      expect([...relu6.dataSync()]).toEqual([NaN, 0, 2, NaN]);
      expect([...tf.maxPool(x, 2, 2, 'valid').dataSync()]).toEqual([2]);
    });
  });

  it.each([
    ['with scale and offset', true],
    ['without', false],
  ])('normalise a batch %s', (_, hasAll) => {
    const [expected, actual] = ['cpu', backendName].map((backend) => {
      void tf.setBackend(backend);
      seed = 1;
      return tf.tidy(() => {
        const x = random(3, 5, 4, 11);
        const each = (from: number) => tf.randomUniform<tf.Rank.R1>([11], 0.5, 2, 'float32', from);
        const [mean, variance] = [each(60), each(61)];
        const y = hasAll ? tf.batchNorm(x, mean, variance, each(62), each(63), 0.01) : tf.batchNorm(x, mean, variance);
        return y.dataSync<'float32'>().slice();
      });
    }) as [Float32Array, Float32Array];
    expectNear(actual, expected);
  });

  it.each(['linear', 'prelu'] as const)('add a bias to channels first, and end in %s', (activation) => {
    const [expected, actual] = ['cpu', backendName].map((backend) => {
      void tf.setBackend(backend);
      seed = 1;
      return tf.tidy(() => {
        const [bias, slopes] = [50, 51].map((from) => tf.randomNormal([5], 0, 1, 'float32', from));
        const [x, filter] = [random(2, 3, 6, 5), random(2, 3, 3, 5)];
        // The kernel: TF.js's function compares shapes as of channels last.
        const y = tf
          .engine()
          .runKernel(
            'FusedConv2D',
            { x, filter, bias: bias!, ...(activation === 'prelu' && { preluActivationWeights: slopes! }) },
            { strides: 1, pad: 'same', dataFormat: 'NCHW', dilations: 1, activation, leakyreluAlpha: 0 },
          );
        return (y as tf.Tensor).dataSync<'float32'>().slice();
      });
    }) as [Float32Array, Float32Array];
    expectNear(actual, expected);
  });

  it('leave empty batches to what TF.js does', () => {
    const shapes = ['cpu', backendName].map((backend) => {
      void tf.setBackend(backend);
      seed = 1;
      return tf.tidy(() => tf.conv2d(tf.zeros<tf.Rank.R4>([0, 6, 6, 4]), random(3, 3, 4, 2), 1, 'same').shape);
    });
    expect(shapes[1]).toEqual(shapes[0]);
  });
});
