import * as tf from '@tensorflow/tfjs';

import { expectGradientsMatch } from '@scmoe/testing';
import { globalNorm, linear, mlp, mlpComposed, useBackend, valueAndGrads, type MlpWeights } from '../index.js';
import { availableBackends } from '../testing/backends.js';
import { expectNoLeak, expectTwinsAgree } from '../testing/twin.js';

const random = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 0.5, 'float32', seed);
const inputsOf = (rows: number, d: number, f: number) => [
  random([rows, d], 11),
  random([d, f], 12),
  random([f], 13),
  random([f, d], 14),
  random([d], 15),
];
const weightsOf = ([w1, b1, w2, b2]: tf.Tensor[]): MlpWeights => ({ w1: w1!, b1, w2: w2!, b2 });
const expectClose = (got: tf.Tensor, expected: tf.Tensor) => {
  const largest = tf.max(tf.abs(tf.sub(got, expected))).dataSync()[0]!;
  expect(largest).toBeLessThan(1e-4);
};

describe.each(availableBackends())('mlp on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it.each([
    [1, 4, 3, 'gelu'],
    [9, 7, 11, 'gelu_tanh'],
    [80, 32, 48, 'silu'],
    [33, 17, 1, 'gelu'],
    [0, 4, 4, 'gelu'],
  ] as const)('agrees with its twin, %d x %d x %d, %s', (rows, d, f, activation) => {
    expectTwinsAgree(
      (x, ...weights) => mlp(x, weightsOf(weights), { activation }),
      (x, ...weights) => mlpComposed(x, weightsOf(weights), { activation }),
      inputsOf(rows, d, f),
    );
  });

  it('has the gradients of finite differences, without biases too', () => {
    const [x, w1, , w2] = inputsOf(3, 3, 4) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    expectGradientsMatch((u, a, b) => tf.sum(mlp(u, { w1: a, w2: b }, { activation: 'silu' })), [x, w1, w2]);
  });

  it('has the gradient that is asked for alone, with either bias absent', () => {
    const [x, w1, b1, w2, b2] = inputsOf(5, 4, 6) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const gradientOf = (form: typeof mlp, weights: object) =>
      tf.grad((a) => tf.sum(tf.square(form(x, { w1: a, w2, ...weights }, { activation: 'silu' }))))(w1);
    for (const weights of [{ b1 }, { b2 }]) expectClose(gradientOf(mlp, weights), gradientOf(mlpComposed, weights));
  });

  it('leaves no tensor behind', () => {
    const [x, ...weights] = inputsOf(4, 6, 8) as [tf.Tensor, ...tf.Tensor[]];
    const apply = (u: tf.Tensor) => mlp(u, weightsOf(weights), { activation: 'gelu' });
    expectNoLeak(() => apply(x).dispose());
    expectNoLeak(() => tf.tidy(() => void tf.grads((u: tf.Tensor) => tf.sum(apply(u)))([x])));
  });

  it('has second gradients where it is composed, and says where not', () => {
    const [x, w1, , w2] = inputsOf(2, 3, 4) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const second = (form: typeof mlp) => {
      const first = tf.grad((u) => tf.sum(form(u, { w1, w2 }, { activation: 'silu' })));
      return tf.grad((u) => tf.sum(tf.square(first(u))))(x);
    };
    if (backend === 'scmoe') expect(() => second(mlp)).toThrow('ScmoeMlpBackward');
    else expectClose(second(mlp), second(mlpComposed));
  });

  it('names what does not fit', () => {
    const [x, w1, b1, w2] = inputsOf(2, 4, 6) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const options = { activation: 'gelu' } as const;
    expect(() => mlp(random([2, 5], 1), { w1, w2 }, options)).toThrow('mlp: w1: expected (5, 6)');
    expect(() => mlp(x, { w1, w2: w1 }, options)).toThrow('mlp: w2: expected (6, 4) to undo w1, got (4, 6)');
    expect(() => mlp(x, { w1, b1: w2, w2 }, options)).toThrow('mlp: b1: expected (6)');
    expect(() => mlp(x, { w1, b1, w2 }, { activation: 'none' as 'gelu' })).toThrow('mlp: activation: expected');
  });
});

describe('mlp on scmoe in bf16', () => {
  const inBf16 = async (run: () => void) => {
    const { precision } = await useBackend('scmoe', { precision: 'bf16' });
    try {
      if (precision === 'bf16') run();
    } finally {
      await useBackend('scmoe', { precision: 'float32' });
    }
  };

  it.each([
    [5, 6, 8],
    [5, 6, 7],
    [130, 512, 288],
  ])('is two linear layers, %d x %d x %d, and keeps half as much', (rows, d, f) =>
    inBf16(() => {
      const [x, ...weights] = inputsOf(rows, d, f) as [tf.Tensor, ...tf.Tensor[]];
      const variables = Object.fromEntries(weights.map((weight, i) => [`w${i}`, tf.variable(weight)]));
      const { w0, w1, w2, w3 } = variables as Record<string, tf.Variable>;
      const forms = [
        () => mlp(x, { w1: w0!, b1: w1!, w2: w2!, b2: w3! }, { activation: 'gelu' }),
        () => linear(linear(x, w0!, w1, { activation: 'gelu' }), w2!, w3),
      ];
      const [got, expected] = forms.map((form) =>
        tf.tidy(() => {
          const { value, grads } = valueAndGrads(() => tf.sum(tf.square(form())), variables);
          const norm = globalNorm(Object.values(grads)) as number | tf.Scalar;
          return {
            value: value.dataSync()[0]!,
            grads: Object.values(grads).map((gradient) => gradient.dataSync()),
            norm: typeof norm === 'number' ? norm : norm.dataSync()[0]!,
          };
        }),
      ) as [Result, Result];
      expect(got.value).toBe(expected.value);
      expect(got.norm / expected.norm).toBeCloseTo(1, 3);
      got.grads.forEach((gradient, i) => {
        const largest = Array.from(expected.grads[i]!).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        gradient.forEach((value, j) => {
          if (Math.abs(value - expected.grads[i]![j]!) > 0.01 * largest) throw new Error(`gradient ${i} at ${j}`);
        });
      });
      // Recorded or not, the result has the same bits.
      const plain = tf.tidy(() => tf.sum(tf.square(forms[0]!())).dataSync()[0]);
      expect(plain).toBe(got.value);
      tf.dispose(variables);
    }),
  );
});

interface Result {
  value: number;
  grads: tf.TypedArray[];
  norm: number;
}
