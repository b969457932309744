import { jest } from '@jest/globals';
import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import {
  AdamW,
  captureFunction,
  dropout,
  embedding,
  findAddon,
  globalNorm,
  groupedFfn,
  linear,
  overwrite,
  randomNormal,
  seedTensor,
  splitRows,
  useBackend,
  valueAndGrads,
  type CapturedFunction,
} from '../index.js';

const numbers = (seed: number, rows = 2) =>
  tf.tensor2d(
    Float32Array.from({ length: rows * 4 }, (_, i) => Math.sin(seed * 8 + i)),
    [rows, 4],
  );
const makeWeight = () => tf.tidy(() => tf.variable(tf.randomNormal<tf.Rank.R2>([4, 4], 0, 1, 'float32', 3)));
const dataOf = (tensors: readonly tf.Tensor[]) => tensors.map((tensor) => tensor.dataSync());

describeUnless(findAddon().problem, 'a captured function', () => {
  beforeAll(() => useBackend('scmoe', { threads: 1 }));

  let weight: tf.Variable<tf.Rank.R2>;
  let captured: CapturedFunction<never[], unknown> | undefined;

  beforeEach(() => {
    weight = makeWeight();
  });
  afterEach(() => {
    captured?.dispose();
    weight.dispose();
  });

  /** A training step's loss and gradient, with dropout and noise of a seed. */
  const step = ({ x, seed }: { x: tf.Tensor2D; seed: tf.Tensor }) => {
    const { value, grads } = valueAndGrads(
      () => {
        const noisy = tf.add<tf.Tensor2D>(x, randomNormal([4], { seed, stream: 1 }));
        const kept = dropout(linear(noisy, weight, undefined, { activation: 'gelu' }), { rate: 0.4, seed });
        return tf.mean<tf.Scalar>(tf.square(kept));
      },
      { weight },
    );
    return { loss: value, all: [grads['weight']!] };
  };
  /** Calls a function of `step`'s form and frees what it was called with and gave. */
  const bitsOf = (make: typeof step, seed: number, rows?: number) =>
    tf.tidy(() => {
      const { loss, all } = make({ x: numbers(seed, rows), seed: seedTensor(seed) });
      return dataOf([loss, ...all]);
    });

  it('gives the same bits for other arguments, from its third call on without TF.js', () => {
    const own = captureFunction(step);
    captured = own;
    const expected = [1, 2, 3, 4].map((seed) => bitsOf(step, seed));
    expect([1, 2].map((seed) => bitsOf(own, seed))).toEqual(expected.slice(0, 2));
    const runKernel = jest.spyOn(tf.engine(), 'runKernel');
    expect([3, 4].map((seed) => bitsOf(own, seed))).toEqual(expected.slice(2));
    expect(runKernel).not.toHaveBeenCalled();
    runKernel.mockRestore();
    expect(own.problem()).toBeUndefined();
  });

  it('is captured for each shape by itself, as often as the cache holds, and leaves no tensor behind', () => {
    const own = captureFunction(step, { cacheSize: 2 });
    captured = own;
    bitsOf(own, 1);
    const { numTensors } = tf.memory();
    for (const rows of [2, 3, 3, 5, 2, 2, 3, 3]) expect(bitsOf(own, 4, rows)).toEqual(bitsOf(step, 4, rows));
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it('sees variables that were updated in place, and those that have a new tensor', () => {
    const own = captureFunction(step);
    captured = own;
    const optimizer = new AdamW();
    for (let seed = 1; seed < 8; seed++) {
      const expected = bitsOf(step, seed);
      expect(bitsOf(own, seed)).toEqual(expected);
      if (seed === 5) tf.tidy(() => weight.assign(tf.mul(weight, 2)));
      else tf.tidy(() => optimizer.step({ weight }, { weight: tf.ones([4, 4]) }, { learningRate: 0.1 }));
    }
    optimizer.dispose();
  });

  it('goes on with numbers that are written over those of a variable, and not where somebody has a handle of them', () => {
    const own = captureFunction((x: tf.Tensor2D) => tf.matMul(x, weight));
    captured = own;
    const product = (run: (x: tf.Tensor2D) => tf.Tensor) => tf.tidy(() => dataOf([run(numbers(1))]));
    for (let call = 0; call < 5; call++) {
      expect(product(own)).toEqual(product((x) => tf.matMul(x, weight)));
      const handle = weight.clone();
      const before = handle.dataSync();
      if (call !== 3) handle.dispose();
      tf.tidy(() => overwrite(weight, tf.mul(weight, 1.5)));
      if (call === 3) expect(handle.dataSync()).toEqual(before);
      if (call === 3) handle.dispose();
    }
    expect(own.problem()).toBeUndefined();
  });

  it('runs as it stands where a variable has a new tensor at each call', () => {
    const own = captureFunction((x: tf.Tensor2D) => tf.matMul(x, weight));
    captured = own;
    for (let call = 0; call < 6; call++) {
      const [got, expected] = tf.tidy(() => dataOf([own(numbers(call)), tf.matMul(numbers(call), weight)]));
      expect(got).toEqual(expected);
      tf.tidy(() => weight.assign(tf.mul(weight, 1.5)));
    }
    expect(own.problem()).toBe('a variable of it has a new tensor at each call');
  });

  it('gives results that later calls leave as they are', () => {
    const own = captureFunction((x: tf.Tensor2D) => tf.add(x, 1));
    captured = own;
    const results = [1, 2, 3, 4].map((seed) => tf.tidy(() => own(numbers(seed))));
    const expected = [1, 2, 3, 4].map((seed) => tf.tidy(() => tf.add(numbers(seed), 1)));
    expect(dataOf(results)).toEqual(dataOf(expected));
    tf.dispose([...results, ...expected]);
  });

  it('gives what it has computed without a copy, and who holds it keeps it: clones, parts, variables, other captures', () => {
    const own = captureFunction((x: tf.Tensor2D) => ({ y: tf.matMul<tf.Tensor2D>(x, weight), twice: tf.mul(x, 2) }));
    captured = own;
    const expectedOf = (seed: number) => tf.tidy(() => dataOf([tf.matMul(numbers(seed), weight)])[0]!);
    for (const seed of [1, 2, 3]) tf.dispose(own(numbers(seed)));
    const { y, twice } = own(numbers(4));
    const part = splitRows(y, 2)[1]!;
    const partBefore = part.dataSync();
    const clone = y.clone();
    const held = tf.variable(twice);
    twice.dispose();
    const reader = captureFunction((x: tf.Tensor2D) => tf.add(x, held));
    const update = new AdamW();
    const train = () => tf.tidy(() => update.step({ held }, { held: tf.ones(held.shape) }, { learningRate: 0.1 }));
    const sums = () => tf.tidy(() => dataOf([reader(tf.ones([2, 4])), tf.add(1, held)]));
    for (let call = 0; call < 6; call++) {
      train(); // in place: in the capture's memory, and in the variable's own once the capture needs it
      const trained = held.dataSync();
      tf.dispose(own(numbers(5)));
      expect(held.dataSync()).toEqual(trained);
      const [got, expected] = sums();
      expect(got).toEqual(expected);
    }
    y.dispose();
    expect([clone.dataSync(), part.dataSync()]).toEqual([expectedOf(4), partBefore]);
    expect([own.problem(), reader.problem()]).toEqual([undefined, undefined]);
    tf.dispose([clone, part, held]);
    update.dispose();
    reader.dispose();
  });

  it('gives gradients of experts with the sums of squares that their kernels count: the same norm at every call, and later', () => {
    const counts = tf.tensor1d([2, 0, 3], 'int32');
    const stack = (...shape: [number, number, number]) => tf.variable(tf.randomNormal(shape, 0, 1, 'float32', 5));
    const weights = { w1: stack(3, 32, 64), w2: stack(3, 64, 32) };
    const gradients = (x: tf.Tensor2D) =>
      valueAndGrads(() => tf.sum(groupedFfn(x, counts, weights, { activation: 'gelu', capacity: 0 })), weights).grads;
    const own = captureFunction(gradients);
    captured = own;
    const rows = (seed: number) => tf.reshape<tf.Rank.R2>(numbers(seed, 40), [5, 32]);
    const normOf = (grads: Record<string, tf.Tensor>) => globalNorm(Object.values(grads)).dataSync();
    const expected = [1, 2, 3, 4, 5].map((seed) => tf.tidy(() => normOf(gradients(rows(seed)))));
    tf.tidy(() => {
      const all = [1, 2, 3, 4, 5].map((seed) => {
        const grads = own(rows(seed));
        expect(normOf(grads)).toEqual(expected[seed - 1]);
        return grads;
      });
      expect(all.map(normOf)).toEqual(expected);
    });
    expect(own.problem()).toBeUndefined();
    tf.dispose([counts, weights]);
  });

  it('gives tensors of its own, a variable or an argument as well', () => {
    const own = captureFunction((x: tf.Tensor2D) => ({ x, weight, sum: tf.add(x, weight.slice([0], [2])) }));
    captured = own;
    for (let call = 0; call < 4; call++) {
      const x = numbers(call);
      const result = own(x);
      expect(dataOf([result.x, result.weight])).toEqual(dataOf([x, weight]));
      tf.dispose(result);
      expect([x.isDisposed, weight.isDisposed]).toEqual([false, false]);
      x.dispose();
    }
  });

  it.each<[string, () => (x: tf.Tensor2D) => tf.Tensor, string]>([
    ['reads data', () => (x) => tf.mul(x, tf.sum(x).dataSync()[0]!), 'it reads the data of a tensor'],
    [
      'takes another number of JavaScript at each call',
      () => {
        let calls = 0;
        return (x) => tf.mul(x, ++calls);
      },
      'its results are others when it is made of its kernels alone',
    ],
    [
      'has a kernel that is JavaScript',
      () => (x) => tf.unique(tf.reshape(x, [-1])).values,
      'kernel Unique is JavaScript',
    ],
    [
      'updates a variable',
      () => {
        const optimizer = new AdamW();
        return (x) => {
          optimizer.step({ weight }, { weight: tf.ones([4, 4]) }, { learningRate: 0.1 });
          return tf.add(x, 1);
        };
      },
      'it updates a variable',
    ],
    ['takes more memory than it may', () => (x) => tf.sum(tf.tile(x, [100, 1])), 'more than the 2048 of maxBytes'],
  ])('that %s runs as it stands', (_, make, problem) => {
    const [own, plain] = [captureFunction(make(), { maxBytes: 2048 }), make()];
    captured = own;
    for (let seed = 1; seed < 5; seed++) {
      const [got, expected] = tf.tidy(() => dataOf([own(numbers(seed)), plain(numbers(seed))]));
      expect(got).toEqual(expected);
    }
    expect(own.problem()).toContain(problem);
  });

  it('has a gradient, which is taken of the function as it stands', () => {
    const own = captureFunction((x: tf.Tensor2D) => tf.square(x));
    captured = own;
    tf.tidy(() => {
      for (let call = 0; call < 3; call++) own(numbers(1));
      const gradient = tf.grad((x) => tf.sum(own(x as tf.Tensor2D)))(numbers(1));
      expect(dataOf([gradient])).toEqual(dataOf([tf.mul(numbers(1), 2)]));
    });
  });

  it('passes on what the function throws, and goes on', () => {
    let isBad = false;
    const own = captureFunction((x: tf.Tensor2D) => {
      if (isBad) throw new Error('bad');
      return tf.add(x, 1);
    });
    captured = own;
    isBad = true;
    const { numTensors } = tf.memory();
    expect(() => tf.tidy(() => own(numbers(1)))).toThrow('bad');
    expect(tf.memory().numTensors).toBe(numTensors);
    isBad = false;
    expect(tf.tidy(() => dataOf([own(numbers(1))]))).toEqual(tf.tidy(() => dataOf([tf.add(numbers(1), 1)])));
  });

  it('says what is wrong with arguments of a later call as the function does, and goes on', () => {
    const embed = (ids: tf.Tensor1D) => embedding(ids, weight);
    const own = captureFunction(embed);
    captured = own;
    const ids = (last: number) => tf.tensor1d([0, 1, last], 'int32');
    const got = (last: number) => tf.tidy(() => dataOf([own(ids(last))]));
    const expected = (last: number) => tf.tidy(() => dataOf([embed(ids(last))]));
    for (const last of [1, 2, 3]) expect(got(last)).toEqual(expected(last));
    const message = (run: () => unknown) => {
      try {
        return String(run());
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(message(() => got(9))).toBe(message(() => expected(9)));
    expect(message(() => got(9))).toContain('9');
    expect(got(2)).toEqual(expected(2));
    expect(own.problem()).toBeUndefined();
  });

  it('refuses results that are no tensors', () => {
    const own = captureFunction(() => 3);
    expect(() => own()).toThrow('the result: expected a tensor, got the number 3');
  });
});
