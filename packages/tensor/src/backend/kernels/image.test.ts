import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { backendName, findAddon } from '../../index.js';

type Pictures = tf.Tensor4D;
type Op = (x: Pictures) => tf.Tensor;

const pictures = (shape: [number, number, number, number], seed = 1) =>
  tf.randomNormal<tf.Rank.R4>(shape, 0, 1, 'float32', seed);

function onBackend<Result extends tf.TensorContainer>(backend: string, run: () => Result): Result {
  void tf.setBackend(backend);
  return tf.tidy(run);
}

function expectNear(actual: ArrayLike<number>, expected: ArrayLike<number>, allowed = 1e-5): void {
  expect(actual.length).toBe(expected.length);
  const worst = Math.max(...Array.from(actual, (value, i) => Math.abs(value - expected[i]!)));
  expect(worst).toBeLessThan(allowed);
}

const resizings: [what: string, op: Op, shape: [number, number, number, number]][] = [
  ['larger', (x) => tf.image.resizeBilinear(x, [9, 11]), [2, 5, 4, 3]],
  ['smaller', (x) => tf.image.resizeBilinear(x, [3, 2]), [1, 7, 9, 17]],
  ['with corners aligned', (x) => tf.image.resizeBilinear(x, [10, 7], true), [2, 4, 5, 8]],
  ['with pixels where their middle is', (x) => tf.image.resizeBilinear(x, [8, 10], false, true), [1, 4, 5, 6]],
  ['to the nearest pixel', (x) => tf.image.resizeNearestNeighbor(x, [9, 11]), [2, 5, 4, 3]],
  ['to the nearest with corners aligned', (x) => tf.image.resizeNearestNeighbor(x, [10, 3], true), [2, 4, 5, 8]],
  ['to the nearest middle', (x) => tf.image.resizeNearestNeighbor(x, [3, 12], false, true), [1, 5, 5, 6]],
];

describeUnless(findAddon().problem, 'native resizing', () => {
  afterAll(() => tf.setBackend(backendName));

  it.each(resizings)('gives %s what tfjs-backend-cpu gives', (_, op, shape) => {
    const [expected, actual] = ['cpu', backendName].map((backend) =>
      onBackend(backend, () => op(pictures(shape)).dataSync<'float32'>().slice()),
    ) as [Float32Array, Float32Array];
    expectNear(actual, expected);
  });

  it.each([[[3, 3]], [[3, 3, 5]]])('crops to %j what tfjs-backend-cpu crops, also with no boxes', (cropSize) => {
    const crop = (boxes: tf.Tensor2D) => {
      const inputs = { image: pictures([2, 5, 4, 3]), boxes, boxInd: tf.zeros([boxes.shape[0]], 'int32') };
      const attributes = { cropSize, method: 'bilinear', extrapolationValue: 0.5 };
      return tf.engine().runKernel<tf.Tensor>('CropAndResize', inputs, attributes);
    };
    for (const boxes of [[[0.1, -0.2, 0.9, 1.1]], []]) {
      const [expected, actual] = ['cpu', backendName].map((backend) =>
        onBackend(backend, () => {
          const cropped = crop(tf.tensor2d(boxes.flat(), [boxes.length, 4]));
          return { shape: cropped.shape, values: cropped.dataSync<'float32'>().slice() };
        }),
      );
      expect(actual!.shape).toEqual(expected!.shape);
      expectNear(actual!.values, expected!.values);
    }
  });

  it.each(resizings)('has %s the gradient that follows from its values, for it is linear', (_, op, shape) => {
    onBackend(backendName, () => {
      const [x, direction] = [pictures(shape), pictures(shape, 2)];
      const dy = tf.randomNormal(op(x).shape, 0, 1, 'float32', 3);
      const dx = tf.grad((pixels) => op(pixels as Pictures))(x, dy);
      expect(dx.shape).toEqual(shape);
      const alongDirection = tf.sum(tf.mul(dx, direction)).dataSync()[0]!;
      const change = tf.sum(tf.mul(op(direction), dy)).dataSync()[0]!;
      expect(alongDirection / change).toBeCloseTo(1, 4);
    });
  });

  it.each(resizings)('gives %s the same bits on any number of threads, and leaves nothing behind', (_, op, shape) => {
    void tf.setBackend(backendName);
    const threads = loadAddon().getThreads();
    const held = tf.backend().numDataIds();
    const large = [shape[0] + 2, 4 * shape[1], 5 * shape[2], shape[3]] as typeof shape;
    try {
      const [one, several] = [1, 3].map((count) => {
        loadAddon().setThreads({ count });
        return onBackend(backendName, () => {
          const x = pictures(large);
          const { value, grad } = tf.valueAndGrad((pixels) => op(pixels as Pictures))(x, op(x));
          return [value, grad].map((tensor) => tensor.dataSync<'float32'>().slice());
        });
      });
      expect(several).toEqual(one);
    } finally {
      loadAddon().setThreads({ count: threads });
    }
    expect(tf.backend().numDataIds()).toBe(held);
  });

  it('keeps every pixel of a picture that is made larger by whole steps, down to NaN', () => {
    onBackend(backendName, () => {
      const x = tf.tensor4d([NaN, 1, Infinity, -2], [1, 2, 2, 1]);
      const larger = tf.image.resizeNearestNeighbor(x, [4, 4]);
      expect([...tf.stridedSlice(larger, [0, 0, 0, 0], [1, 4, 4, 1], [1, 2, 2, 1]).dataSync()]).toEqual([NaN, 1, Infinity, -2]); // prettier-ignore
    });
  });
});

describeUnless(findAddon().problem, 'a transformation', () => {
  const turns = tf.tensor2d([
    [0.9, 0.2, 0, -0.1, 1.1, 0.5, 0, 0],
    [1, 0, 1, 0, 1, -1, 0.01, 0],
    [0.5, 0, 0, 0, 0.5, 0, 0, 0],
  ]);

  afterAll(() => tf.setBackend(backendName));

  it.each([1, 3])('is made of every picture of a batch, by %d matrices', (count) => {
    const matrices = tf.slice(turns, 0, count);
    const matrixOf = (i: number) => tf.slice(turns, count === 1 ? 0 : i, 1);
    const options = ['bilinear', 'reflect', 0, [4, 6]] as const;
    const run = (x: Pictures, by: tf.Tensor2D) =>
      tf.image.transform(x, by, options[0], options[1], options[2], [...options[3]]);
    const together = onBackend(backendName, () => run(pictures([3, 5, 4, 2]), matrices).dataSync());
    const alone = onBackend('cpu', () => {
      const all = pictures([3, 5, 4, 2]);
      return tf.concat([0, 1, 2].map((i) => run(tf.slice(all, i, 1), matrixOf(i)))).dataSync();
    });
    expectNear(together, alone, 1e-6);
  });
});
