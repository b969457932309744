import * as tf from '@tensorflow/tfjs';

import { expectGradientsMatch } from '@scmoe/testing';
import { randomNormal, useBackend, valueAndGrads } from '../index.js';

beforeAll(() => useBackend('auto', { threads: 1 }));

/** Different every time, the same in every run. */
let stream = 0;
const random = (...shape: number[]) => randomNormal(shape, { seed: 1, stream: stream++ });

/** A scalar that weighs each element of a result differently, so that no error can hide in a symmetric sum. */
function weighted(result: tf.Tensor): tf.Scalar {
  const weights = tf.linspace(0.5, 2, Math.max(result.size, 2)).slice(0, result.size).reshape(result.shape);
  return result.mul(weights).sum();
}

/** Checks against finite differences that nothing is left behind, too. */
function check(f: (...inputs: tf.Tensor[]) => tf.Tensor, ...inputs: tf.Tensor[]): void {
  const before = tf.memory().numTensors;
  expectGradientsMatch((...xs) => weighted(f(...xs)), inputs, { samples: 12 });
  expect(tf.memory().numTensors).toBe(before);
}

const gradient = (f: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor) => tf.grad((t) => weighted(f(t)))(x);

describe('cumsum', () => {
  const modes = [0, 1, 2].flatMap((axis) =>
    [false, true].flatMap((exclusive) => [false, true].map((reverse) => ({ axis, exclusive, reverse }))),
  );
  it.each(modes)('has the right gradient for %o', ({ axis, exclusive, reverse }) => {
    check((x) => tf.cumsum(x, axis, exclusive, reverse), random(2, 3, 4));
  });

  it('has the right gradient on the first axis of a square input, where TF.js is wrong without a word', () => {
    check((x) => tf.cumsum(x, 0), random(3, 3));
  });
});

describe('tile', () => {
  it.each([
    [[4], [3]],
    [
      [2, 3],
      [1, 2],
    ],
    [
      [2, 3],
      [3, 1],
    ],
    [
      [1, 3],
      [4, 2],
    ],
    [
      [2, 1, 3],
      [2, 2, 2],
    ],
    [
      [2, 2, 1, 2],
      [1, 3, 2, 1],
    ],
    [
      [1, 2, 1, 2, 1],
      [2, 1, 3, 2, 1],
    ],
  ])('has the right gradient for shape %j times %j', (shape, reps) => {
    check((x) => tf.tile(x, reps), random(...shape));
  });

  it('gives zeros where there are no copies', () => {
    expect(gradient((x) => tf.tile(x, [0, 2]), random(2, 3)).dataSync()).toEqual(new Float32Array(6));
  });

  it('takes a handful of kernel calls, however many copies', async () => {
    const x = random(1, 4);
    const { kernels } = await tf.profile(() => tf.grad((t) => tf.tile(t, [500, 1]).sum())(x));
    expect(kernels.length).toBeLessThan(15);
  });
});

describe('topk', () => {
  it.each([
    [[5], 2],
    [[3, 4], 1],
    [[2, 3, 4], 3],
    [[3, 4], 4],
  ])('has the right gradient for shape %j, k = %d', (shape, k) => {
    // Values far enough apart that no finite difference changes the order.
    const order = random(...shape).dataSync();
    const spread = Float32Array.from(order, (value, i) => Math.round(value * 3) + i * 0.1);
    check((x) => tf.topk(x, k).values, tf.tensor(spread, shape));
  });

  it('gives zeros for no rows', () => {
    expect(gradient((x) => tf.topk(x, 2).values, tf.zeros([0, 4])).shape).toEqual([0, 4]);
  });
});

describe('comparisons', () => {
  it.each([
    ['greater', tf.greater],
    ['greaterEqual', tf.greaterEqual],
    ['less', tf.less],
    ['lessEqual', tf.lessEqual],
    ['equal', tf.equal],
    ['notEqual', tf.notEqual],
  ] as const)('%s contributes nothing to the gradient, with broadcasting', (_, compare) => {
    const a = tf.tensor2d([1, 5, 3, 2], [2, 2]);
    const b = tf.tensor1d([2, 4]);
    check((x, y) => compare(x, y).toFloat().mul(x).add(y), a, b);
  });

  it('can be combined by logic in valueAndGrads', () => {
    const x = tf.variable(tf.tensor1d([-3, -1.5, 0.5, 1.5, 3]));
    const outside = () => tf.logicalNot(tf.logicalAnd(x.greater(-1), x.less(1)));
    const { grads } = valueAndGrads(() => outside().toFloat().mul(x).sum(), { x });
    expect(Array.from(grads['x']!.dataSync())).toEqual([1, 1, 0, 1, 1]);
  });
});

describe('einsum', () => {
  it.each([
    ['ij,jk->ik', [2, 3], [3, 4]],
    ['bij,bkj->bik', [2, 3, 4], [2, 5, 4]],
    ['ij,ij->', [2, 3], [2, 3]],
    ['ij,j->', [2, 3], [3]],
    ['i,j->ji', [3], [2]],
    ['ij,->ij', [2, 3], []],
    ['ijk,jk -> i', [2, 3, 4], [3, 4]],
  ])('has the right gradients for %s', (equation, a, b) => {
    check((x, y) => tf.einsum(equation, x, y), random(...a), random(...b));
  });

  it.each([
    ['ij->ji', [2, 3]],
    ['ijk->ki', [2, 3, 4]],
    ['ij->', [2, 3]],
    ['ij->j', [2, 3]],
  ])('has the right gradient for %s', (equation, shape) => {
    check((x) => tf.einsum(equation, x), random(...shape));
  });
});

describe('gatherND', () => {
  it.each([
    ['rows', [[2], [0], [2]]],
    [
      'elements',
      [
        [2, 1],
        [0, 0],
        [2, 1],
      ],
    ],
    [
      'a table of elements',
      [
        [
          [0, 1],
          [1, 1],
        ],
        [
          [2, 0],
          [0, 1],
        ],
      ],
    ],
    ['a single element', [1, 1]],
  ])('has the right gradient for %s', (_, indices) => {
    check((x) => tf.gatherND(x, tf.tensor(indices, undefined, 'int32')), random(3, 2));
  });
});

describe('scatterND', () => {
  it.each([
    ['rows', [[2], [0]], [2, 3], [4, 3]],
    ['rows onto one place', [[1], [1]], [2, 3], [4, 3]],
    [
      'elements',
      [
        [0, 2],
        [3, 1],
        [0, 2],
      ],
      [3],
      [4, 3],
    ],
    ['a list of numbers', [2, 0, 2], [3], [4]],
  ])('has the right gradient for %s', (_, indices, updates, shape) => {
    check((x) => tf.scatterND(tf.tensor(indices, undefined, 'int32'), x, shape), random(...updates));
  });
});

describe('stridedSlice', () => {
  const full = [5, 4, 3];
  const cases: [string, (x: tf.Tensor) => tf.Tensor][] = [
    ['plain', (x) => tf.stridedSlice(x, [1, 0, 1], [4, 4, 3], [1, 1, 1])],
    ['strides', (x) => tf.stridedSlice(x, [0, 1, 0], [5, 4, 3], [2, 3, 2])],
    ['a stride that ends before the end', (x) => tf.stridedSlice(x, [0, 0, 0], [4, 4, 3], [3, 1, 1])],
    ['negative strides', (x) => tf.stridedSlice(x, [4, -1, 2], [0, 0, 0], [-2, -1, -1])],
    ['negative strides to the very beginning', (x) => tf.stridedSlice(x, [4, 0, 0], [0, 4, 3], [-3, 1, 1], 0, 1)],
    ['begin and end masks', (x) => tf.stridedSlice(x, [3, 1, 1], [4, 2, 2], [1, 2, 1], 1, 2)],
    ['an ellipsis', (x) => tf.stridedSlice(x, [0, 0], [0, 2], [1, 2], 0, 0, 1)],
    ['fewer indices than axes', (x) => tf.stridedSlice(x, [1], [5], [2])],
    ['a new axis', (x) => tf.stridedSlice(x, [0, 1, 0], [0, 4, 4], [1, 2, 1], 0, 0, 0, 1)],
    ['a dropped axis', (x) => tf.stridedSlice(x, [2, 1, 0], [3, 3, 3], [1, 1, 1], 0, 0, 0, 0, 1)],
  ];
  it.each(cases)('has the right gradient with %s', (_, f) => {
    check(f, random(...full));
  });

  it('gives zeros where nothing is taken', () => {
    const f = (x: tf.Tensor) => tf.stridedSlice(x, [3, 0, 0], [2, 4, 3], [1, 2, 1]);
    expect(gradient(f, random(...full)).dataSync()).toEqual(new Float32Array(60));
  });
});
