import { expectGradientsMatch } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import {
  captureFunction,
  linear,
  mergedLinear,
  mergedLinearComposed,
  useBackend,
  valueAndGrads,
  type LinearLayer,
} from '../index.js';
import { availableBackends } from '../testing/backends.js';
import { expectNoLeak, expectTwinsAgree } from '../testing/twin.js';

const random = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 0.5, 'float32', seed);

/** x, and weight and bias of each layer in turn. */
const inputsOf = (rows: number, dIn: number, widths: readonly number[]) => [
  random([rows, dIn], 11),
  ...widths.flatMap((dOut, i) => [random([dIn, dOut], 12 + i), random([dOut], 22 + i)]),
];
const layersOf = (tensors: tf.Tensor[]): LinearLayer[] =>
  tensors.flatMap((weight, i) => (i % 2 === 0 ? [{ weight, bias: tensors[i + 1]! }] : []));
const joined = (results: tf.Tensor[]) => tf.concat(results, -1);

describe.each(availableBackends())('mergedLinear on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it.each([
    [1, 4, [3]],
    [9, 7, [11, 2, 2]],
    [80, 32, [64, 32, 32]],
    [0, 4, [4, 4]],
  ])('agrees with its twin, %d x %d to %j', (rows, dIn, widths) => {
    expectTwinsAgree(
      (x, ...rest) => joined(mergedLinear(x, layersOf(rest))),
      (x, ...rest) => joined(mergedLinearComposed(x, layersOf(rest))),
      inputsOf(rows, dIn, widths),
    );
  });

  it('has the gradients of finite differences, without biases and where a result leads nowhere', () => {
    const [x, a, , b] = inputsOf(3, 4, [5, 2]) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    expectGradientsMatch(
      (u, first, second) => tf.sum(tf.square(joined(mergedLinear(u, [{ weight: first }, { weight: second }])))),
      [x, a, b],
    );
    const variables = { first: tf.variable(a), second: tf.variable(b) };
    const { value, grads } = valueAndGrads(
      () => {
        const [y, other] = mergedLinear(x, [{ weight: variables.first }, { weight: variables.second }]);
        return tf.add(tf.sum(tf.square(y!)), tf.sum(tf.cast(tf.argMax(other!, -1), 'float32')));
      },
      variables,
      { allowUnused: true },
    );
    expect(grads['second']!.dataSync()).toEqual(new Float32Array(8));
    const alone = valueAndGrads(() => tf.sum(tf.square(linear(x, variables.first))), { first: variables.first });
    expect(grads['first']!.dataSync()).toEqual(alone.grads['first']!.dataSync());
    tf.dispose([value, grads, alone, variables]);
  });

  it('has the bits of layers one by one in float32, and takes layers of which some have a bias', () => {
    const [x, ...rest] = inputsOf(40, 32, [32, 16, 16]) as [tf.Tensor, ...tf.Tensor[]];
    const variables = Object.fromEntries(rest.map((tensor, i) => [`v${i}`, tf.variable(tensor)]));
    const layers = layersOf(Object.values(variables));
    const forms = [
      () => mergedLinear(x, layers),
      () => layers.map(({ weight, bias }) => linear(x, weight, bias)),
      () => mergedLinear(x, [layers[0]!, { weight: layers[1]!.weight }, layers[2]!]),
    ];
    const [got, expected, mixed] = forms.map((form) =>
      tf.tidy(() => {
        const { value, grads } = valueAndGrads(() => tf.sum(tf.square(joined(form()))), variables, {
          allowUnused: true,
        });
        return [value, ...Object.values(grads)].map((tensor) => tensor.dataSync<'float32'>());
      }),
    );
    expect(got).toEqual(expected);
    expect(mixed![4]).toEqual(new Float32Array(16)); // gradient of the bias that was left out
    tf.dispose(variables);
  });

  it('leaves no tensor behind', () => {
    const [x, ...rest] = inputsOf(4, 6, [8, 3]) as [tf.Tensor, ...tf.Tensor[]];
    const apply = (u: tf.Tensor) => mergedLinear(u, layersOf(rest));
    expectNoLeak(() => tf.dispose(apply(x)));
    expectNoLeak(() => tf.tidy(() => void tf.grads((u: tf.Tensor) => tf.sum(joined(apply(u))))([x])));
  });

  it('names what does not fit', () => {
    const [x, weight, bias] = inputsOf(2, 4, [6]) as [tf.Tensor, tf.Tensor, tf.Tensor];
    expect(() => mergedLinear(x, [])).toThrow('mergedLinear: layers: expected one or more, got none');
    expect(() => mergedLinear(x, [{ weight }, { weight: bias }])).toThrow('mergedLinear: layers[1].weight: expected');
    expect(() => mergedLinear(random([2, 5], 1), [{ weight }])).toThrow(
      'mergedLinear: layers[0].weight: expected (5, 6)',
    );
    expect(() => mergedLinear(x, [{ weight, bias: random([4], 1) }])).toThrow(
      'mergedLinear: layers[0].bias: expected (6)',
    );
  });
});

describe('mergedLinear on scmoe in bf16', () => {
  it('is layers one by one, recorded and captured', async () => {
    const { precision } = await useBackend('scmoe', { precision: 'bf16' });
    if (precision === 'bf16') {
      const [x, ...rest] = inputsOf(130, 256, [512, 64, 64]) as [tf.Tensor, ...tf.Tensor[]];
      const variables = Object.fromEntries(rest.map((tensor, i) => [`v${i}`, tf.variable(tensor)]));
      const layers = layersOf(Object.values(variables));
      const step = (form: () => tf.Tensor[]) => (u: tf.Tensor) => {
        const { value, grads } = valueAndGrads(() => tf.sum(tf.square(tf.mul(joined(form()), tf.mean(u)))), variables);
        return [value, ...Object.values(grads)];
      };
      const read = (tensors: tf.Tensor[]) => tensors.map((tensor) => tensor.dataSync<'float32'>());
      const merged = step(() => mergedLinear(x, layers));
      const [got, expected] = [merged, step(() => layers.map(({ weight, bias }) => linear(x, weight, bias)))].map(
        (run) => tf.tidy(() => read(run(x))),
      );
      expect(got![0]).toEqual(expected![0]);
      got!.forEach((values, i) => {
        const largest = expected![i]!.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        expect(values.findIndex((value, j) => !(Math.abs(value - expected![i]![j]!) < 0.01 * largest))).toBe(-1);
      });
      const captured = captureFunction(merged);
      for (let i = 0; i < 3; i++) expect(tf.tidy(() => read(captured(x)))).toEqual(got);
      expect(captured.problem()).toBeUndefined();
      captured.dispose();
      tf.dispose(variables);
    }
    await useBackend('scmoe', { precision: 'float32' });
  });
});
