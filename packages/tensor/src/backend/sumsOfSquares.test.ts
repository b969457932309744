import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import {
  captureFunction,
  clipScale,
  findAddon,
  globalNorm,
  groupedFfn,
  recomputed,
  splitRows,
  useBackend,
  valueAndGrads,
} from '../index.js';

type Activation = 'gelu' | 'swiglu';

/** Numbers without an order that anybody would notice, soon made. */
const random = (seed: number, shape: number[]) =>
  tf.tidy(() => tf.reshape(tf.mul(tf.sin(tf.mul(tf.range(0, tf.util.sizeFromShape(shape)), seed + 0.7)), 0.2), shape));

/** The sum of the squares of what is read back, in float64. */
function squaresOf(tensor: tf.Tensor): number {
  let sum = 0;
  for (const value of tensor.dataSync()) sum += value * value;
  return sum;
}

/** Expects of each gradient and of all together that the norm is that of their numbers, and clipping goes by it. */
function expectNorms(gradients: readonly tf.Tensor[]): void {
  const squares = gradients.map(squaresOf);
  const total = squares.reduce((sum, own) => sum + own, 0);
  const groups = [...gradients.map((gradient, i) => ({ some: [gradient], squares: squares[i]! }))];
  for (const { some, squares } of [...groups, { some: [...gradients], squares: total }]) {
    const expected = Math.sqrt(squares);
    const norm = globalNorm(some);
    const [counted, scale] = [norm, clipScale(norm, expected / 3)].map((scalar) => scalar.dataSync()[0]!);
    expect(expected).toBeGreaterThan(0);
    expect(counted! / expected).toBeCloseTo(1, 6);
    expect(scale! * 3).toBeCloseTo(1, 5);
  }
}

/** Variables of experts: those that kernels count squares of, and biases, which they do not. */
function experts(activation: Activation, count: number, d: number, f: number): Record<string, tf.Variable> {
  const shapes: Record<string, number[]> =
    activation === 'gelu'
      ? { w1: [count, d, f], b1: [count, f], w2: [count, f, d], b2: [count, d] }
      : { gate: [count, d, f], up: [count, d, f], down: [count, f, d] };
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape], seed) => [name, tf.variable(random(seed + 1, shape))]),
  );
}

type Weights = Parameters<typeof groupedFfn>[2];

/**
 * Each way in which a kernel makes a gradient of an expert, by its rows: their products are streamed up to 24 rows, the library's
 * up to 32 and of small or uneven layers, and tiled beyond.
 */
const layers: { name: string; d: number; f: number; counts: number[]; capacity: number; activation: Activation }[] = [
  { name: 'a library multiplies', d: 6, f: 10, counts: [3, 0, 40, 1], capacity: 0, activation: 'gelu' },
  { name: 'of up to 33 rows', d: 32, f: 64, counts: [1, 2, 0, 9, 24, 25, 32, 33], capacity: 0, activation: 'gelu' },
  { name: 'with places that stay free', d: 32, f: 64, counts: [0, 5, 24, 1], capacity: 24, activation: 'gelu' },
  { name: 'that are gated', d: 32, f: 64, counts: [1, 0, 25, 70], capacity: 0, activation: 'swiglu' },
  { name: 'whose products are tiled', d: 256, f: 512, counts: [33, 24], capacity: 0, activation: 'gelu' },
  { name: 'of tiles with a rest and several depths', d: 288, f: 480, counts: [801], capacity: 0, activation: 'gelu' },
];

describeUnless(findAddon().problem, 'norms of gradients whose kernels count squares', () => {
  afterAll(() => useBackend('scmoe', { precision: 'float32', threads: 1 }));

  describe.each(['float32', 'bf16'] as const)('in %s', (precision) => {
    describe.each([1, 2])('with %i threads', (threads) => {
      beforeAll(() => useBackend('scmoe', { precision, threads }));

      it.each(layers)('are those of their numbers: experts $name', ({ d, f, counts, capacity, activation }) => {
        const numRows = capacity === 0 ? counts.reduce((sum, count) => sum + count, 2) : counts.length * capacity;
        const weights = experts(activation, counts.length, d, f);
        // Numbers whose squares a float32 holds, and such as it does not.
        for (const unit of threads === 1 && counts.length > 1 ? [1, 1e-25, 1e22] : [1])
          tf.tidy(() => {
            const x = random(9, [numRows, d]);
            const y = () =>
              groupedFfn(x, tf.tensor1d(counts, 'int32'), weights as unknown as Weights, { activation, capacity });
            expectNorms(Object.values(valueAndGrads(() => tf.sum(tf.mul(y(), unit)), weights).grads));
          });
        tf.dispose(weights);
      });
    });
  });

  describe('where gradients go further', () => {
    const counts = [24, 0, 1, 40];
    let weights: Record<string, tf.Variable>;

    beforeAll(async () => {
      await useBackend('scmoe', { precision: 'float32', threads: 1 });
      weights = experts('gelu', counts.length, 32, 64);
    });
    afterAll(() => tf.dispose(weights));

    const layer = (x: tf.Tensor) =>
      groupedFfn(x, tf.tensor1d(counts, 'int32'), weights as unknown as Weights, { activation: 'gelu', capacity: 0 });
    const gradients = (seed: number, body = layer) =>
      Object.values(valueAndGrads(() => tf.sum(body(random(seed, [65, 32]))), weights).grads);

    it.each<[string, () => tf.Tensor[]]>([
      ['a weight has been used twice', () => gradients(1, (x) => layer(layer(x)))],
      ['a block is computed again', () => gradients(1, (x) => recomputed({ x }, (given) => ({ y: layer(given.x) })).y)],
      ['micro-batches are summed', () => gradients(1).map((gradient, i) => tf.add(gradient, gradients(2)[i]!))],
      ['they are averaged', () => gradients(1).map((gradient) => tf.mul(gradient, 0.5))],
      ['they have another shape', () => gradients(1).map((gradient) => tf.reshape(gradient, [-1]))],
      ['parts are taken', () => gradients(1).map((gradient) => splitRows(gradient, 2)[0]!)],
      ['a single one is summed', () => gradients(1).map((gradient) => tf.addN([gradient]))],
    ])('%s', (_, make) => {
      tf.tidy(() => expectNorms(make()));
    });

    it('a captured step makes them, and counts them itself', () => {
      const own = captureFunction((x: tf.Tensor) => {
        const { grads } = valueAndGrads(() => tf.sum(layer(x)), weights);
        return { all: Object.values(grads), norm: globalNorm(Object.values(grads)) };
      });
      tf.tidy(() => {
        for (const seed of [1, 2, 3, 4]) {
          const { all, norm } = own(random(seed, [65, 32]));
          expectNorms(all);
          expect(
            norm.dataSync()[0]! / Math.sqrt(all.reduce((sum, gradient) => sum + squaresOf(gradient), 0)),
          ).toBeCloseTo(1, 6);
        }
      });
      expect(own.problem()).toBeUndefined();
      own.dispose();
    });
  });

  it.each([NaN, Infinity])('are not finite where a gradient is not: %d', async (bad) => {
    await useBackend('scmoe', { precision: 'float32', threads: 1 });
    const weights = experts('gelu', 3, 256, 512);
    tf.tidy(() => {
      const x = tf.add(
        random(9, [60, 256]),
        tf.pad(tf.tensor2d([[bad]]), [
          [50, 9],
          [7, 248],
        ]),
      );
      const y = () =>
        groupedFfn(x, tf.tensor1d([3, 17, 40], 'int32'), weights as unknown as Weights, {
          activation: 'gelu',
          capacity: 0,
        });
      const norm = globalNorm([valueAndGrads(() => tf.sum(y()), weights).grads['w1']!]);
      expect([norm, clipScale(norm, 1)].map((scalar) => scalar.dataSync()[0])).toEqual([NaN, NaN]);
    });
    tf.dispose(weights);
  });
});
