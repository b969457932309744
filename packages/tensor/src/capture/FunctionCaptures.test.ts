import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import {
  AdamW,
  cachedAttention,
  captureFunction,
  findAddon,
  globalNorm,
  groupedFfn,
  KeyValueCache,
  overwrite,
  splitRows,
  stepMemory,
  useBackend,
  valueAndGrads,
} from '../index.js';
import { globalNormComposed } from '../optim/globalNorm.js';

type Form = (x: tf.Tensor2D) => tf.Tensor;

const numbers = (seed: number, rows = 2) =>
  tf.tensor2d(
    Float32Array.from({ length: rows * 4 }, (_, i) => Math.sin(seed * 8 + i)),
    [rows, 4],
  );
const dataOf = (tensors: readonly tf.Tensor[]) => tensors.map((tensor) => tensor.dataSync());

/** What a captured function must not miss: each of these is wrong numbers otherwise, without a word. */
describeUnless(findAddon().problem, 'a captured function gives what it gives as it stands', () => {
  beforeAll(() => useBackend('scmoe', { threads: 1 }));

  let weight: tf.Variable<tf.Rank.R2>;
  beforeEach(() => {
    weight = tf.tidy(() => tf.variable(tf.randomNormal<tf.Rank.R2>([4, 4], 0, 1, 'float32', 3)));
  });
  afterEach(() => weight.dispose());

  const product: Form = (x) => tf.matMul(x, weight);
  const update = (variable: tf.Variable, optimizer: AdamW) =>
    tf.tidy(() => optimizer.step({ variable }, { variable: tf.ones(variable.shape) }, { learningRate: 0.1 }));
  const expectSame = (own: Form, form: Form, seeds: readonly number[]) => {
    for (const seed of seeds)
      tf.tidy(() => expect(own(numbers(seed)).dataSync()).toEqual(form(numbers(seed)).dataSync()));
  };
  /** Has another backend use tensors, which takes them there. */
  const useElsewhere = async (tensors: readonly tf.Tensor[]) => {
    await tf.setBackend('cpu');
    tf.tidy(() => tensors.forEach((tensor) => tf.mul(tensor, 2)));
    await tf.setBackend('scmoe');
  };

  it('where another backend has had its variables, before it is captured and later', async () => {
    const own = captureFunction(product);
    const optimizer = new AdamW();
    await useElsewhere([weight]);
    for (let call = 0; call < 9; call++) {
      expectSame(own, product, [call]);
      update(weight, optimizer);
      if (call === 3 || call === 6) await useElsewhere([weight]);
    }
    expect(own.problem()).toBeUndefined();
    own.dispose();
    optimizer.dispose();
  });

  it('where a variable has a new tensor while somebody holds its old one, as averages in its place do', () => {
    const own = captureFunction(product);
    expectSame(own, product, [1, 2, 3]);
    const before = weight.clone();
    tf.tidy(() => weight.assign(tf.mul(weight, 2)));
    expectSame(own, product, [4, 5, 6]);
    weight.assign(before);
    expectSame(own, product, [7, 8, 9]);
    expect(own.problem()).toBeUndefined();
    before.dispose();
    own.dispose();
  });

  it('where it takes parts of a variable, which is updated and has a new tensor', () => {
    const form: Form = (x) => tf.mul(x, splitRows(weight, 2)[1]!);
    const own = captureFunction(form);
    const optimizer = new AdamW();
    for (let call = 0; call < 8; call++) {
      expectSame(own, form, [call]);
      if (call === 4) tf.tidy(() => weight.assign(tf.mul(weight, 2)));
      else update(weight, optimizer);
    }
    expect(own.problem()).toBeUndefined();
    own.dispose();
    optimizer.dispose();
  });

  it('where a result is nothing but a variable, which gets a new tensor', () => {
    const own = captureFunction((x: tf.Tensor2D) => ({ y: tf.add(x, 1), weight }));
    for (let call = 0; call < 7; call++) {
      tf.tidy(() => expect(dataOf([own(numbers(call)).weight])).toEqual(dataOf([weight])));
      if (call % 3 === 2) tf.tidy(() => weight.assign(tf.mul(weight, 2)));
    }
    own.dispose();
  });

  it('where its first call makes a variable, which is updated', () => {
    let made: tf.Variable<tf.Rank.R2> | undefined;
    const form: Form = (x) => tf.matMul(x, (made ??= tf.variable(tf.mul(tf.ones<tf.Rank.R2>([4, 4]), 0.5))));
    const own = captureFunction(form);
    const optimizer = new AdamW();
    for (let call = 0; call < 6; call++) {
      const before = made?.dataSync();
      tf.dispose(tf.tidy(() => own(numbers(call))));
      expect(made!.dataSync()).toEqual(before ?? new Float32Array(16).fill(0.5));
      expectSame(own, form, [call]);
      update(made!, optimizer);
    }
    expect(own.problem()).toBeUndefined();
    own.dispose();
    tf.dispose([made!]);
    optimizer.dispose();
  });

  it('where it is captured within another one', () => {
    const inner = captureFunction(product);
    const outer = captureFunction((x: tf.Tensor2D) => tf.add(inner(x), 1));
    expectSame(outer, (x) => tf.add(product(x), 1), [1, 2, 3, 4]);
    expect([inner.problem(), outer.problem()]).toEqual([undefined, undefined]);
    [inner, outer].forEach((own) => own.dispose());
  });

  it('where its memory is measured without computing, before it is captured and later', async () => {
    const own = captureFunction(product);
    for (let round = 0; round < 2; round++) {
      await stepMemory(() => [1, 2, 3].forEach((seed) => tf.tidy(() => void own(numbers(seed)))));
      expectSame(own, product, [4, 5, 6, 7]);
    }
    expect(own.problem()).toBeUndefined();
    own.dispose();
  });

  it.each<[string, string, () => (x: tf.Tensor2D) => tf.Tensor[]]>([
    [
      'keeps a tensor',
      'it keeps a tensor that is none of its results at each call',
      () => {
        const kept: tf.Tensor[] = [];
        return (x) => {
          kept.push(tf.keep(tf.mul(x, 2)));
          return [tf.add(x, 1), ...kept.map((tensor) => tensor.clone())];
        };
      },
    ],
    [
      'writes over a variable',
      'it writes over a variable',
      () => {
        const sum = tf.tidy(() => tf.variable(tf.zeros([2, 4])));
        return (x) => {
          overwrite(sum, tf.add(sum, x));
          return [tf.add(x, 1), sum.clone()];
        };
      },
    ],
    [
      'assigns a variable whose old tensor somebody holds',
      'it keeps a tensor that is none of its results at each call',
      () => {
        const last = tf.tidy(() => tf.variable(tf.zeros([2, 4])));
        const before = last.clone();
        return (x) => {
          last.assign(tf.add(x, before));
          return [tf.add(x, 1), last.clone()];
        };
      },
    ],
    [
      'appends to a cache',
      'it changes more than its result',
      () => {
        const part = { cache: new KeyValueCache(), count: 1 };
        return (x) => {
          const row = tf.reshape<tf.Rank.R3>(x, [1, 1, 8]);
          return [cachedAttention(row, row, tf.mul(row, 2), [part], { numHeads: 2, rope: { style: 'half' } })];
        };
      },
    ],
  ])('where it %s: it runs as it stands', (_, problem, make) => {
    const [own, form] = [captureFunction(make()), make()];
    const [results, expected] = [own, form].map((run) =>
      [1, 2, 3, 4, 5].map((seed) => tf.tidy(() => run(numbers(seed)))),
    );
    // Read after the last call: what was kept or given before is still what it was.
    expect(results!.map(dataOf)).toEqual(expected!.map(dataOf));
    expect(own.problem()).toBe(problem);
    tf.disposeVariables();
  });

  it('while its results are held, and slices, other shapes and clones of them; and once it is disposed', () => {
    const own = captureFunction((x: tf.Tensor2D) => ({ y: tf.matMul<tf.Tensor2D>(x, weight), z: tf.mul(x, 3) }));
    const other = captureFunction(product);
    const held: [tf.Tensor, ReturnType<typeof dataOf>[0]][] = [];
    for (let call = 0; call < 5; call++) {
      const { y, z } = own(numbers(call));
      const parts = [tf.slice(y, [1, 0], [1, 4]), tf.slice(y, [0, 1], [2, 2]), ...tf.split(y, 2), ...tf.unstack(z)];
      const all = [y, z, ...parts, tf.reshape(z, [4, 2]), z.clone(), other(y), own(y).y, other(z as tf.Tensor2D)];
      held.push(...all.map((tensor) => [tensor, tensor.dataSync()] as (typeof held)[0]));
    }
    [own, other].forEach((captured) => captured.dispose());
    tf.tidy(() => [1, 2, 3].forEach((seed) => tf.mul(numbers(seed), 7)));
    for (const [tensor, before] of held) expect(tensor.dataSync()).toEqual(before);
    tf.dispose(held.map(([tensor]) => tensor));
  });

  it('while results are held and a later call throws', () => {
    const own = captureFunction((x: tf.Tensor2D, ids: tf.Tensor1D) => [tf.mul(x, 2), tf.gather(x, ids), tf.mul(x, 3)]);
    const call = (seed: number, last: number) => own(numbers(seed), tf.tensor1d([0, last], 'int32'));
    const results = [1, 2, 3, 4].map((seed) => call(seed, 1));
    const before = results.map(dataOf);
    expect(() => call(5, 9)).toThrow('9');
    expect(dataOf(call(4, 1))).toEqual(before[3]);
    expect(results.map(dataOf)).toEqual(before);
    own.dispose();
  });

  describe('with the sums of squares that kernels count', () => {
    const counts = [2, 0, 3];
    const makeGradients = () => {
      const stack = (...shape: [number, number, number]) => tf.variable(tf.randomNormal(shape, 0, 1, 'float32', 5));
      const weights = { w1: stack(3, 32, 64), w2: stack(3, 64, 32) };
      const loss = (x: tf.Tensor2D) => {
        const rows = tf.reshape<tf.Rank.R2>(x, [5, 32]);
        return tf.sum(groupedFfn(rows, tf.tensor1d(counts, 'int32'), weights, { activation: 'gelu', capacity: 0 }));
      };
      return (x: tf.Tensor2D) => Object.values(valueAndGrads(() => loss(x), weights).grads);
    };
    const normOf = (tensors: tf.Tensor[]) => tf.tidy(() => globalNorm(tensors).dataSync()[0]!);
    const composedNormOf = (tensors: tf.Tensor[]) => tf.tidy(() => globalNormComposed(tensors).dataSync()[0]!);

    it('of results that another backend has had in between', async () => {
      const own = captureFunction(makeGradients());
      for (const seed of [1, 2, 3]) tf.dispose(tf.tidy(() => own(numbers(seed, 40))));
      const gradients = own(numbers(4, 40));
      await useElsewhere(gradients);
      tf.dispose(own(numbers(5, 40)));
      expect(normOf(gradients) / composedNormOf(gradients)).toBeCloseTo(1, 5);
      own.dispose();
    });

    it('of a variable that is written over', () => {
      const held = tf.tidy(() => tf.variable(makeGradients()(numbers(1, 40))[0]!));
      const own = captureFunction((x: tf.Tensor2D) => tf.add(globalNorm([held]), x));
      for (let call = 0; call < 6; call++) {
        const [norm] = tf.tidy(() => own(tf.zeros([2, 4])).dataSync());
        expect(norm! / composedNormOf([held])).toBeCloseTo(1, 5);
        if (call === 3) tf.tidy(() => overwrite(held, tf.mul(held, 2)));
      }
      own.dispose();
    });
  });
});
