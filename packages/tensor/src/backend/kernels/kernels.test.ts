import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { backendName, findAddon, RandomStream } from '../../index.js';
import { standardKernels } from './index.js';

type Op = (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[];
/** An operand as plain data, so that each backend makes its own tensor of it. */
interface Operand {
  shape: number[];
  dtype: 'float32' | 'int32' | 'bool';
  values: number[];
}

const random = new RandomStream({ seed: 7 });
// Drawn once: large operands take them in a cycle whose length divides no shape.
const drawn = Array.from({ length: 1009 }, () => random.uniform());
const special = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 1e-30, 1e30];

/** Normal-ish numbers, with NaN, infinities and zeros among them where asked. */
function floats(shape: number[], { specials = false, low = -3, high = 3 } = {}): Operand {
  const values = draw(shape, low, high);
  if (specials) for (let i = 0; i < values.length; i += 5) values[i] = special[(7 * i) % special.length]!;
  return { shape, dtype: 'float32', values };
}

function ints(shape: number[], low = -9, high = 9): Operand {
  return { shape, dtype: 'int32', values: draw(shape, low, high).map(Math.floor) };
}

function bools(shape: number[]): Operand {
  return { shape, dtype: 'bool', values: draw(shape, 0, 2).map(Math.floor) };
}

function draw(shape: number[], low: number, high: number): number[] {
  const first = random.int(drawn.length);
  return Array.from({ length: size(shape) }, (_, i) => low + (high - low) * drawn[(first + i) % drawn.length]!);
}

function size(shape: number[]): number {
  return shape.reduce((product, d) => product * d, 1);
}

/** Runs an operation on a backend; checks that it leaves no tensor and no data behind. */
function runOn(backend: string, op: Op, operands: Operand[]): { shape: number[]; dtype: string; values: number[] }[] {
  void tf.setBackend(backend);
  const before = { tensors: tf.memory().numTensors, data: tf.backend().numDataIds() };
  const results = tf.tidy(() => {
    const inputs = operands.map(({ values, shape, dtype }) => tf.tensor(values, shape, dtype));
    const outputs = op(...inputs);
    return (Array.isArray(outputs) ? outputs : [outputs]).map((output) => ({
      shape: output.shape,
      dtype: output.dtype,
      values: Array.from(output.dataSync()),
    }));
  });
  expect(tf.memory().numTensors).toBe(before.tensors);
  expect(tf.backend().numDataIds()).toBe(before.data);
  return results;
}

/** Sums come in another order and exp is another polynomial: 1e-5 of the value, or of 1 for smaller ones. */
function expectSame(op: Op, operands: Operand[]): void {
  const expected = runOn('cpu', op, operands);
  const actual = runOn(backendName, op, operands);
  expect(actual.map(({ shape, dtype }) => ({ shape, dtype }))).toEqual(
    expected.map(({ shape, dtype }) => ({ shape, dtype })),
  );
  expected.forEach(({ values }, output) => {
    values.forEach((e, i) => {
      const a = actual[output]!.values[i]!;
      if (Object.is(a, e) || a === e || Math.abs(a - e) <= 1e-5 * Math.max(1, Math.abs(e))) return;
      throw new Error(`output ${output}, element ${i}: native ${a}, JavaScript ${e}`);
    });
  });
}

describeUnless(findAddon().problem, 'native kernels against tfjs-backend-cpu', () => {
  const pairs: [number[], number[]][] = [
    [[], []],
    [[7], [7]],
    [[5], []],
    [[], [3, 4]],
    [[3, 4], [4]],
    [
      [3, 4],
      [3, 1],
    ],
    [
      [3, 1],
      [1, 4],
    ],
    [
      [2, 1, 5],
      [4, 1],
    ],
    [
      [2, 3, 1, 2],
      [3, 4, 2],
    ],
    [
      [1, 2, 1, 3, 1, 2],
      [2, 2, 1, 2, 1],
    ],
    [[0, 3], [3]],
    [
      [2, 20, 1],
      [2, 1, 30],
    ],
  ];

  const arithmetic: Record<string, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor> = {
    ...{ add: tf.add, sub: tf.sub, mul: tf.mul, div: tf.div, maximum: tf.maximum, minimum: tf.minimum },
    ...{ squaredDifference: tf.squaredDifference, mod: tf.mod, floorDiv: tf.floorDiv },
    ...{ equal: tf.equal, notEqual: tf.notEqual, less: tf.less, lessEqual: tf.lessEqual },
    ...{ greater: tf.greater, greaterEqual: tf.greaterEqual },
  };
  it.each(Object.keys(arithmetic))('%s broadcasts, with NaN and infinities, and on integers', (name) => {
    for (const [a, b] of pairs) {
      expectSame(arithmetic[name] as Op, [floats(a, { specials: true }), floats(b, { specials: true })]);
      expectSame(arithmetic[name] as Op, [ints(a), ints(b)]);
    }
  });

  it('shares large operands out to threads', () => {
    const large = () => floats([300, 400]);
    expectSame(tf.add, [large(), large()]);
    expectSame(tf.mul, [large(), floats([300, 1])]);
    expectSame(tf.exp, [large()]);
    expectSame((x) => tf.transpose(x), [large()]);
    for (const axis of [0, 1, undefined]) expectSame((x) => tf.sum(x, axis), [large()]);
    expectSame((x) => tf.sum(x, 0), [floats([20000, 7])]);
  });

  it('raises to powers as Math.pow does', () => {
    for (const [a, b] of pairs) {
      expectSame(tf.pow, [floats(a, { low: 0, specials: true }), floats(b, { specials: true })]);
      expectSame(tf.pow, [ints(a), ints(b, 0, 4)]);
    }
  });

  it('combines booleans', () => {
    for (const [a, b] of pairs) {
      for (const op of [tf.logicalAnd, tf.logicalOr, tf.logicalXor, tf.equal]) {
        expectSame(op, [bools(a), bools(b)]);
      }
      expectSame(tf.logicalNot, [bools(a)]);
    }
  });

  it('takes atan2, prelu and the gradient of elu', () => {
    for (const [a, b] of pairs) expectSame(tf.atan2, [floats(a), floats(b)]);
    expectSame(tf.prelu, [floats([4, 5]), floats([5])]);
    expectSame((x) => tf.grad((y) => tf.elu(y).sum())(x), [floats([4, 5])]);
  });

  const unary = [
    ...(['exp', 'expm1', 'log', 'log1p', 'sqrt', 'rsqrt', 'reciprocal', 'sin', 'cos', 'tanh', 'sigmoid'] as const),
    ...(['erf', 'softplus', 'floor', 'ceil', 'round', 'elu', 'selu', 'neg', 'abs', 'square', 'sign'] as const),
    ...(['relu', 'relu6', 'step', 'leakyRelu', 'isNaN', 'isInf', 'isFinite'] as const),
  ];
  it.each(unary)('%s agrees on ordinary numbers and integers', (name) => {
    const op = tf[name] as Op;
    const positive = name === 'log' || name === 'sqrt' || name === 'rsqrt' || name === 'log1p';
    for (const shape of [[], [1], [3, 5], [0, 4], [9, 100]]) {
      expectSame(op, [floats(shape, { low: positive ? 0.01 : -6, high: 6 })]);
    }
    if (['neg', 'abs', 'square', 'sign', 'relu', 'relu6', 'step'].includes(name)) expectSame(op, [ints([3, 7])]);
  });

  it.each(unary.filter((name) => name !== 'rsqrt'))('%s treats NaN, infinities and zero as JavaScript does', (name) => {
    const values = name === 'sin' || name === 'cos' ? special.slice(0, 7) : special;
    // erf of tfjs-backend-cpu is NaN at infinity (0 times infinity); ours is 1.
    const finite = name === 'erf' ? values.filter((x) => Math.abs(x) !== Infinity) : values;
    expectSame(tf[name] as Op, [{ shape: [finite.length], dtype: 'float32', values: finite }]);
  });

  it('clips, also integers by fractions', () => {
    expectSame((x) => tf.clipByValue(x, -1, 1.5), [floats([50], { specials: true })]);
    expectSame((x) => tf.clipByValue(x, -1.5, 2.5), [ints([50])]);
  });

  const reductions: [number[], number[] | undefined][] = [
    [[], undefined],
    [[7], undefined],
    [[3, 5], [0]],
    [[3, 5], [1]],
    [[3, 5], []],
    [[4, 3, 5], [1]],
    [
      [4, 3, 5],
      [0, 2],
    ],
    [
      [2, 3, 4, 5],
      [0, 2],
    ],
    [
      [2, 3, 4, 5],
      [1, 3],
    ],
    [
      [2, 1, 4, 1],
      [1, 2],
    ],
    [
      [1, 1],
      [0, 1],
    ],
    [[3, 400], [0]],
    [[40, 300], [0]],
  ];
  it.each(['sum', 'mean', 'max', 'min', 'prod'] as const)('%s reduces over any axes', (name) => {
    for (const [shape, axes] of reductions) {
      for (const keepDims of [false, true]) {
        const op: Op = (x) => tf[name](x, axes, keepDims);
        // Products of many numbers overflow; around 1 they don't.
        expectSame(op, [name === 'prod' ? floats(shape, { low: 0.99, high: 1.01 }) : floats(shape)]);
        expectSame(op, [floats(shape, { specials: true })]);
        if (name !== 'prod') expectSame(op, [ints(shape)]);
      }
    }
  });

  it('reduces booleans', () => {
    for (const [shape, axes] of reductions) {
      for (const op of [tf.all, tf.any, tf.sum] as ((x: tf.Tensor, axis?: number[]) => tf.Tensor)[]) {
        expectSame((x) => op(x, axes), [bools(shape)]);
      }
    }
  });

  it('finds the largest and smallest element, the first of equals, NaN never', () => {
    for (const op of [tf.argMax, tf.argMin]) {
      for (const axis of [0, 1, 2]) {
        expectSame((x) => op(x, axis), [floats([3, 4, 50], { specials: true })]);
        expectSame((x) => op(x, axis), [ints([3, 40, 5], -2, 2)]);
      }
    }
  });

  it('transposes every permutation', () => {
    const permutations = [[0, 1, 2, 3], [3, 2, 1, 0], [0, 2, 1, 3], [1, 0, 3, 2], [2, 3, 0, 1], [0, 3, 1, 2]]; // prettier-ignore
    for (const perm of permutations) {
      for (const shape of [
        [2, 3, 4, 5],
        [1, 33, 1, 70],
        [2, 40, 3, 37],
      ]) {
        expectSame((x) => tf.transpose(x, perm), [floats(shape)]);
      }
      expectSame((x) => tf.transpose(x, perm), [bools([2, 3, 4, 5])]);
    }
  });

  it('slices, splits, stacks, joins, repeats, pads and reverses', () => {
    const operand = () => floats([3, 4, 5]);
    expectSame((x) => tf.slice(x, [1, 0, 2], [2, 3, -1]), [operand()]);
    expectSame((x) => tf.slice(x, [1], [1]), [operand()]);
    expectSame((x) => tf.stridedSlice(x, [2, 0, 4], [0, 4, 0], [-1, 2, -2]), [operand()]);
    expectSame((x) => tf.split(x, [1, 3], 1), [operand()]);
    expectSame((x) => tf.unstack(x, 2), [operand()]);
    for (const axis of [0, 1, 2]) {
      expectSame((...xs) => tf.concat(xs, axis), [operand(), operand(), operand()]);
      expectSame((...xs) => tf.stack(xs, axis), [operand(), operand()]);
      expectSame((x) => tf.reverse(x, axis), [operand()]);
    }
    expectSame((...xs) => tf.concat(xs, 0), [floats([0, 5]), floats([3, 5]), floats([2, 5])]);
    expectSame((x) => tf.tile(x, [2, 1, 3]), [operand()]);
    expectSame((x) => tf.tile(x, [0, 2]), [bools([2, 2])]);
    expectSame((x) => tf.pad(x, [[1, 0], [0, 2], [3, 1]], 4), [operand()]); // prettier-ignore
  });

  it('gathers and scatters', () => {
    for (const axis of [0, 1, 2]) {
      expectSame((x, i) => tf.gather(x, i, axis), [floats([3, 4, 5]), ints([6], 0, 3)]);
    }
    expectSame((x, i) => tf.gather(x, i, 1, 1), [floats([3, 4, 5]), ints([3, 6], 0, 4)]);
    expectSame((x, i) => tf.gatherND(x, i), [floats([3, 4, 5]), ints([7, 2], 0, 3)]);
    expectSame((i, x) => tf.scatterND(i, x, [4, 5]), [ints([9, 1], 0, 4), floats([9, 5])]);
    expectSame((x, i) => tf.unsortedSegmentSum(x, i as tf.Tensor1D, 4), [floats([30, 6]), ints([30], -1, 5)]);
  });

  it('says which index is outside', () => {
    void tf.setBackend(backendName);
    const before = tf.backend().numDataIds();
    tf.tidy(() => {
      const x = tf.zeros([3, 2]);
      expect(() => tf.gather(x, tf.tensor1d([0, 3], 'int32'))).toThrow(/index value 3 is not in \[0, 2\]/);
      expect(() => tf.gatherND(x, tf.tensor2d([[5]], undefined, 'int32'))).toThrow(/5 does not index into 3,2/);
    });
    expect(tf.backend().numDataIds()).toBe(before);
  });

  it('multiplies matrices in every orientation, with batches and broadcasting', () => {
    const batches: [number[], number[]][] = [[[], []], [[3], [3]], [[3], [1]], [[1], [3]], [[2, 3], [2, 3]]]; // prettier-ignore
    for (const [m, n, k] of [
      [1, 1, 1],
      [2, 3, 4],
      [33, 17, 65],
    ] as const) {
      for (const [batchA, batchB] of batches) {
        for (const [ta, tb] of [
          [false, false],
          [true, false],
          [false, true],
          [true, true],
        ] as const) {
          const a = floats([...batchA, ...(ta ? [k, m] : [m, k])], { low: -1, high: 1 });
          const b = floats([...batchB, ...(tb ? [n, k] : [k, n])], { low: -1, high: 1 });
          expectSame((x, y) => tf.matMul(x, y, ta, tb), [a, b]);
        }
      }
    }
    expectSame((x, y) => tf.matMul(x, y), [ints([3, 4]), ints([4, 2])]);
  });

  it('multiplies with bias and activation', () => {
    for (const activation of ['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu'] as const) {
      const op: Op = (a, b, bias) => tf.fused.matMul({ a, b, bias, activation, leakyreluAlpha: 0.3 });
      expectSame(op, [floats([3, 4]), floats([4, 5]), floats([5])]);
    }
  });

  it('takes softmax, running sums and the k largest', () => {
    expectSame((x) => tf.softmax(x), [floats([5, 9])]);
    expectSame((x) => tf.logSoftmax(x), [floats([5, 9])]);
    for (const axis of [0, 1]) expectSame((x) => tf.cumsum(x, axis), [floats([6, 8], { specials: true })]);
    for (const specials of [
      [NaN, 1, 2],
      [Infinity, 1, Infinity],
      [-Infinity, -Infinity, -Infinity],
    ])
      // prettier-ignore
      expectSame((x) => tf.softmax(x), [{ shape: [1, 3], dtype: 'float32', values: specials }]);
    for (const axis of [0, 1, 2]) {
      for (const exclusive of [false, true]) {
        for (const reverse of [false, true]) {
          const op: Op = (x) => tf.cumsum(x, axis, exclusive, reverse);
          expectSame(op, [floats([3, 4, 5])]);
          expectSame(op, [ints([3, 4, 5])]);
        }
      }
    }
    for (const k of [1, 3, 40, 60]) {
      const op: Op = (x) => Object.values(tf.topk(x, k));
      expectSame(op, [floats([4, 60])]);
      expectSame(op, [ints([4, 60], -3, 3)]);
    }
  });

  it.each([2, 40])('ranks NaN above everything, as PyTorch does, among the %i largest', (k) => {
    void tf.setBackend(backendName);
    const values = [2, NaN, -Infinity, 7, NaN, Infinity, 7, ...Array.from({ length: 60 }, (_, i) => -i)];
    const sorted = [1, 4, 5, 3, 6, 0, ...Array.from({ length: 60 }, (_, i) => 7 + i), 2];
    // TF.js's own order depends on where a NaN lies: [1, 3, NaN] gives 3 and 1, [1, NaN, 3] gives NaN and 3.
    expect([...tf.topk(tf.tensor1d(values), k).indices.dataSync()]).toEqual(sorted.slice(0, k));
    expect([...tf.topk(tf.tensor1d(values), k).values.dataSync()]).toEqual(sorted.slice(0, k).map((i) => values[i]!));
  });

  it('chooses, converts and fills', () => {
    expectSame((c, a, b) => tf.where(c, a, b), [bools([4, 5]), floats([4, 5], { specials: true }), floats([5])]);
    for (const dtype of ['float32', 'int32', 'bool'] as const) {
      for (const operand of [floats([40], { specials: true }), ints([40]), bools([40])]) {
        expectSame((x) => tf.cast(x, dtype), [operand]);
      }
    }
    expectSame((x) => tf.oneHot(x, 6, 2, -1), [ints([3, 4], -1, 8)]);
    expectSame((x) => [tf.zerosLike(x), tf.onesLike(x), tf.fill([2, 3], 4, 'int32')], [bools([2, 3])]);
    expectSame((...xs) => tf.addN(xs), [floats([4, 5]), floats([4, 5]), floats([4, 5])]);
  });

  it('shares memory between a tensor and its reshaped selves until the last is gone', () => {
    void tf.setBackend(backendName);
    const x = tf.tensor1d([1, 2, 3, 4]);
    const before = tf.backend().numDataIds();
    const y = x.reshape([2, 2]).expandDims(0);
    expect(tf.backend().numDataIds()).toBe(before);
    x.dispose();
    expect(Array.from(y.dataSync())).toEqual([1, 2, 3, 4]);
    y.dispose();
  });

  it('has one native kernel per name', () => {
    const names = standardKernels.map(({ kernelName }) => kernelName);
    expect(new Set(names).size).toBe(names.length);
  });
});
