import * as tf from '@tensorflow/tfjs';

import { expectGradientsMatch } from '@scmoe/testing';
import {
  AdamW,
  globalNorm,
  groupedFfn,
  groupedFfnComposed,
  mlp,
  overwrite,
  useBackend,
  valueAndGrads,
  withStaticShapes,
  type ExpertActivation,
} from '../index.js';
import { availableBackends } from '../testing/backends.js';
import { expectNoLeak, expectTwinsAgree } from '../testing/twin.js';

const random = (...shape: number[]) => tf.mul(tf.randomNormal(shape, 0, 1, 'float32', shape.length + shape[0]!), 0.5);

/** Stacked weights of 3 experts, as a list and as the record made from such a list. */
function experts(activation: ExpertActivation, d: number, f: number, biases = activation !== 'swiglu') {
  const names = {
    true: activation === 'swiglu' ? ['gate', 'gateBias', 'up', 'upBias', 'down', 'downBias'] : ['w1', 'b1', 'w2', 'b2'],
    false: activation === 'swiglu' ? ['gate', 'up', 'down'] : ['w1', 'w2'],
  }[`${biases}`];
  const shapes: Record<string, number[]> = {
    ...{ w1: [3, d, f], b1: [3, f], w2: [3, f, d], b2: [3, d] },
    ...{ gate: [3, d, f], gateBias: [3, f], up: [3, d, f], upBias: [3, f], down: [3, f, d], downBias: [3, d] },
  };
  const list = names.map((name) => random(...shapes[name]!));
  const record = (tensors: tf.Tensor[]) =>
    Object.fromEntries(names.map((name, i) => [name, tensors[i]!])) as unknown as Parameters<typeof groupedFfn>[2];
  return { list, record };
}
const layouts = [
  // An expert without rows, unfilled rows, one with everything.
  { name: 'capacity', counts: [3, 0, 4], capacity: 4, rows: 12 },
  { name: 'packed', counts: [3, 0, 4], capacity: 0, rows: 9 },
  { name: 'one expert has all', counts: [0, 200, 0], capacity: 0, rows: 200 },
  { name: 'no rows', counts: [0, 0, 0], capacity: 0, rows: 0 },
  { name: 'rows of nobody alone', counts: [0, 0, 0], capacity: 0, rows: 4 },
];

describe.each(availableBackends())('groupedFfn on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  for (const activation of ['gelu', 'gelu_tanh', 'silu', 'swiglu'] as const) {
    it.each(layouts)(`agrees with its twin, ${activation}, $name`, ({ counts, capacity, rows }) => {
      const count = tf.tensor1d(counts, 'int32');
      const { list, record } = experts(activation, 6, 10);
      const options = { activation, capacity };
      expectTwinsAgree(
        (x, ...weights) => groupedFfn(x, count, record(weights), options),
        (x, ...weights) => groupedFfnComposed(x, count, record(weights), options),
        [rows === 0 ? tf.zeros([0, 6]) : random(rows, 6), ...list],
      );
    });

    const packed = activation === 'gelu' || activation === 'swiglu' ? layouts.slice(1) : layouts.slice(1, 2);
    it.each(packed)(`agrees with its form of static shapes, ${activation}, $name`, ({ counts, capacity, rows }) => {
      const count = tf.tensor1d(counts, 'int32');
      const { list, record } = experts(activation, 6, 10);
      const options = { activation, capacity };
      expectTwinsAgree(
        (x, ...weights) => groupedFfnComposed(x, count, record(weights), options),
        (x, ...weights) => withStaticShapes(() => groupedFfnComposed(x, count, record(weights), options)),
        [rows === 0 ? tf.zeros([0, 6]) : random(rows, 6), ...list],
      );
    });

    it(`has the gradients of finite differences, ${activation}`, () => {
      const count = tf.tensor1d([2, 0, 1], 'int32');
      const { list, record } = experts(activation, 3, 4);
      const loss = (x: tf.Tensor, ...weights: tf.Tensor[]) =>
        tf.sum(tf.square(groupedFfn(x, count, record(weights), { activation, capacity: 2 })));
      expectGradientsMatch(loss, [random(6, 3), ...list]);
    });
  }

  it('forgets what it has counted where an optimizer or other numbers write over a gradient', () => {
    const { list, record } = experts('gelu', 32, 64);
    const optimizer = new AdamW();
    tf.tidy(() => {
      const [gradient, ...others] = tf.grads((...weights: tf.Tensor[]) =>
        groupedFfn(random(20, 32), tf.tensor1d([16, 0, 4], 'int32'), record(weights), {
          activation: 'gelu',
          capacity: 0,
        }),
      )(list);
      const [trained, overwritten] = [gradient!, others[1]!].map((tensor) => {
        const variable = tf.variable(tensor);
        tensor.dispose();
        return variable;
      }) as [tf.Variable, tf.Variable];
      optimizer.step({ trained }, { trained: tf.ones(trained.shape) }, { learningRate: 1 });
      overwrite(overwritten, tf.ones(overwritten.shape));
      for (const variable of [trained, overwritten]) {
        const copy = tf.tensor(variable.dataSync(), variable.shape);
        expect(globalNorm([variable]).dataSync()).toEqual(globalNorm([copy]).dataSync());
        variable.dispose();
      }
    });
    optimizer.dispose();
  });

  it.each([4, 0])('works without biases, capacity %i, also where the record names them', (capacity) => {
    const count = tf.tensor1d([2, 3, 1], 'int32');
    const { list, record } = experts('gelu', 5, 7, false);
    const weights = (tensors: tf.Tensor[]) => ({ ...record(tensors), b1: undefined, b2: undefined });
    expectTwinsAgree(
      (x, ...tensors) => groupedFfn(x, count, weights(tensors), { activation: 'gelu', capacity }),
      (x, ...tensors) => groupedFfnComposed(x, count, weights(tensors), { activation: 'gelu', capacity }),
      [random(capacity === 0 ? 6 : 12, 5), ...list],
    );
  });

  it.each([2, 0])('adds biases to SwiGLU, with the gradients of finite differences, capacity %i', (capacity) => {
    const count = tf.tensor1d([2, 0, 1], 'int32');
    const { list, record } = experts('swiglu', 3, 4, true);
    const x = random(6, 3);
    const apply = (x: tf.Tensor, ...weights: tf.Tensor[]) =>
      groupedFfn(x, count, record(weights), { activation: 'swiglu', capacity });
    expectGradientsMatch((...values) => tf.sum(tf.square(apply(...(values as [tf.Tensor])))), [x, ...list]);

    const row = tf.slice(x, [1, 0], [1, 3]); // second row of expert 0
    const [gate, gateBias, up, upBias, down, downBias] = list.map((weight) => tf.squeeze(tf.slice(weight, 0, 1), [0]));
    const gated = tf.add(tf.matMul(row, gate!), gateBias!);
    const hidden = tf.mul(tf.mul(gated, tf.sigmoid(gated)), tf.add(tf.matMul(row, up!), upBias!));
    const expected = tf.add(tf.matMul(hidden, down!), downBias!);
    const actual = tf.slice(apply(x, ...list), [1, 0], [1, 3]);
    expect(tf.max(tf.abs(tf.sub(actual, expected))).dataSync()[0]).toBeLessThan(1e-5);
  });

  it('has the gate of gpt-oss, bounded on both sides', () => {
    const clampedGlu = { limit: 0.7, alpha: 1.702 };
    const counts = tf.tensor1d([2, 1], 'int32');
    const apply = (rows: tf.Tensor, gate: tf.Tensor, up: tf.Tensor, down: tf.Tensor) =>
      groupedFfn(rows, counts, { gate, up, down }, { activation: 'swiglu', clampedGlu });
    const inputs = [random(3, 3), random(2, 3, 4), random(2, 3, 4), random(2, 4, 3)] as const;
    const [rows, gate, up, down] = inputs.map((each) => each.arraySync()) as [number[][], ...number[][][][]];
    const expected = rows.map((x, row) => {
      const e = row < 2 ? 0 : 1;
      const product = (w: number[][], i: number) => x.reduce((sum, value, j) => sum + value * w[j]![i]!, 0);
      const hidden = Array.from({ length: 4 }, (_, i) => {
        const g = Math.min(product(gate![e]!, i), 0.7);
        const u = Math.max(-0.7, Math.min(product(up![e]!, i), 0.7));
        return (g / (1 + Math.exp(-1.702 * g))) * (u + 1);
      });
      return Array.from({ length: 3 }, (_, i) => hidden.reduce((sum, value, j) => sum + value * down![e]![j]![i]!, 0));
    });
    expect(tf.max(tf.abs(tf.sub(apply(...inputs), tf.tensor(expected)))).dataSync()[0]).toBeLessThan(1e-6);
    expect(() =>
      groupedFfn(inputs[0], counts, { w1: inputs[1], w2: inputs[3] }, { activation: 'silu', clampedGlu }),
    ).toThrow('groupedFfn: clampedGlu: expected none for the activation silu');
    expect(() =>
      groupedFfn(
        inputs[0],
        counts,
        { gate: inputs[1], up: inputs[2], down: inputs[3] },
        { activation: 'swiglu', clampedGlu: { limit: 0, alpha: 1 } },
      ),
    ).toThrow('groupedFfn: clampedGlu: expected a limit > 0 and a finite alpha');
  });

  it('gives an idle expert a gradient of exactly zero, and unfilled rows zero', () => {
    const count = tf.tensor1d([2, 0, 3], 'int32');
    const { list, record } = experts('gelu', 4, 5);
    const apply = (...weights: tf.Tensor[]) =>
      groupedFfn(random(12, 4), count, record(weights), { activation: 'gelu', capacity: 4 });
    const gradients = tf.grads((...weights: tf.Tensor[]) => tf.sum(apply(...weights)))(list);
    for (const gradient of gradients) expect(tf.max(tf.abs(tf.slice(gradient, 1, 1))).dataSync()[0]).toBe(0);
    expect(tf.max(tf.abs(tf.slice(apply(...list), [2, 0], [6, -1]))).dataSync()[0]).toBe(0);
  });

  it('leaves no tensor behind', () => {
    const count = tf.tensor1d([2, 0, 1], 'int32');
    const { list, record } = experts('gelu', 3, 4);
    const x = random(3, 3);
    expectNoLeak(() =>
      tf.tidy(
        () => void tf.grads((a: tf.Tensor) => tf.sum(groupedFfn(a, count, record(list), { activation: 'gelu' })))([x]),
      ),
    );
  });

  it('names what does not fit', () => {
    const { list, record } = experts('gelu', 3, 4);
    const apply = (rows: tf.Tensor, counts: tf.Tensor, activation: ExpertActivation = 'gelu', capacity = 0) =>
      groupedFfn(rows, counts, record(list), { activation, capacity });
    const counts = tf.tensor1d([1, 1, 1], 'int32');
    expect(() => apply(random(3, 5), counts)).toThrow(
      'groupedFfn: w1: expected (3, 5, 4) for 3 experts and rows of width 5',
    );
    expect(() => apply(random(3, 3), tf.tensor1d([1, 1], 'int32'))).toThrow('groupedFfn: w1: expected (2, 3, 4)');
    expect(() => apply(random(3, 3), counts, 'swiglu')).toThrow(
      'experts: expected gate, up and down for the activation swiglu, got ["w1"',
    );
    expect(() => apply(random(3, 3), counts, 'gelu', 2)).toThrow(
      'rows: expected 6 of them for 3 experts of capacity 2, got 3',
    );
    if (backend === 'scmoe') {
      expect(() => apply(random(2, 3), counts)).toThrow('groupedFfn: counts[2]: expected 0 to 0, got 1');
      expect(() => apply(random(3, 3), tf.tensor1d([2, 0, 0], 'int32'), 'gelu', 1)).toThrow(
        'groupedFfn: counts[0]: expected 0 to 1, got 2',
      );
    }
  });
});

describe('groupedFfn on scmoe in bf16', () => {
  const inBf16 = async (run: () => void) => {
    const { precision } = await useBackend('scmoe', { precision: 'bf16', threads: 1 });
    try {
      if (precision === 'bf16') run();
    } finally {
      await useBackend('scmoe', { precision: 'float32' });
    }
  };

  it.each([
    [128, 512],
    [6, 8],
    [6, 7],
  ])('is an mlp for each expert, bit for bit, of many rows and of few: %d x %d', (d, f) =>
    inBf16(() => {
      const counts = [70, 0, 9];
      const x = random(79, d);
      const { list, record } = experts('gelu', d, f);
      const variables = Object.fromEntries(list.map((weight, i) => [`w${i}`, tf.variable(weight)]));
      const all = Object.values(variables);
      const apart = () => {
        let start = 0;
        return tf.concat(
          counts.flatMap((count, e) => {
            const [w1, b1, w2, b2] = all.map((weight) => tf.squeeze(tf.slice(weight, e, 1), [0]));
            start += count;
            const rows = tf.slice(x, start - count, count);
            return count === 0 ? [] : [mlp(rows, { w1: w1!, b1: b1!, w2: w2!, b2: b2! }, { activation: 'gelu' })];
          }),
        );
      };
      const together = () => groupedFfn(x, tf.tensor1d(counts, 'int32'), record(all), { activation: 'gelu' });
      const [got, expected] = [together, apart].map((form) => {
        const { value, grads } = valueAndGrads(() => tf.sum(tf.square(form())), variables);
        return [value, ...Object.values(grads)].map((tensor) => [...tensor.dataSync()]);
      });
      for (const [i, numbers] of got!.entries()) expect([i, ...numbers]).toEqual([i, ...expected![i]!]);
      tf.dispose(variables);
    }),
  );
});
