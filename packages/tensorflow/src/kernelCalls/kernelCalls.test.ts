import { jest } from '@jest/globals';
import {
  AdamW,
  attention,
  decode,
  dropout,
  embedding,
  encode,
  globalNorm,
  groupedFfn,
  groupedFfnComposed,
  layerNorm,
  linear,
  linearCrossEntropy,
  linkableKernels,
  rmsNorm,
  route,
  seedTensor,
  softmaxCrossEntropy,
  swiglu,
  valueAndGrads,
  type GroupedFfnOptions,
  type TwoLayerExperts,
} from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { TensorFlowBinding } from '../binding/TensorFlowBinding.js';
import { compileStep } from '../compile/compileStep.js';
import { describeWithTensorFlow } from '../testing/describeWithTensorFlow.js';
import { useTensorFlow } from '../testing/useTensorFlow.js';
import { kernelCallsProblem } from './withOwnKernels.js';

describeWithTensorFlow('kernels of @scmoe/tensor in a step that XLA compiles', () => {
  let tensorFlow: TensorFlowBinding;
  beforeAll(async () => {
    tensorFlow = await useTensorFlow();
  });
  afterEach(() => tf.disposeVariables());

  const [numExperts, d, f] = [3, 6, 10];
  const shapes = {
    w1: [numExperts, d, f],
    b1: [numExperts, f],
    w2: [numExperts, f, d],
    b2: [numExperts, d],
    gate: [numExperts, d, f],
    up: [numExperts, d, f],
    down: [numExperts, f, d],
  };
  const wave = (shape: number[], step: number) =>
    tf.tidy(() => tf.sin(tf.mul(tf.range(0, tf.util.sizeFromShape(shape)), step)).reshape(shape));
  const weightsOf = (names: readonly string[]) =>
    Object.fromEntries(names.map((name, i) => [name, wave(shapes[name as keyof typeof shapes], i + 2)]));

  /** The result, then the gradients of rows and weights. */
  const passOf =
    (form: typeof groupedFfn, options: Required<Omit<GroupedFfnOptions, 'clampedGlu'>>) =>
    (rows: tf.Tensor, counts: tf.Tensor, weights: Record<string, tf.Tensor>) => {
      const names = Object.keys(weights);
      const apply = (x: tf.Tensor, ...own: tf.Tensor[]) => {
        const experts = Object.fromEntries(names.map((name, i) => [name, own[i]!])) as unknown as TwoLayerExperts;
        return form(x, counts, experts, options);
      };
      const { value, grads } = tf.valueAndGrads((...all: tf.Tensor[]) => apply(all[0]!, ...all.slice(1)))(
        [rows, ...Object.values(weights)],
        wave([rows.shape[0], d], 5) as tf.Tensor2D,
      );
      return [value, ...grads, apply(rows, ...Object.values(weights))];
    };

  it('are there', () => expect(kernelCallsProblem(tensorFlow)).toBeUndefined());

  it.each<[string, readonly string[], GroupedFfnOptions, number[], number]>([
    ['packed, an idle one and a row of nobody', ['w1', 'b1', 'w2', 'b2'], { activation: 'gelu' }, [3, 0, 4], 8],
    ['with a capacity', ['w1', 'b1', 'w2', 'b2'], { activation: 'gelu_tanh', capacity: 4 }, [3, 0, 4], 12],
    ['without biases', ['w1', 'w2'], { activation: 'silu' }, [0, 9, 0], 9],
    ['SwiGLU', ['gate', 'up', 'down'], { activation: 'swiglu' }, [2, 5, 1], 8],
  ])('give what their composed twin gives, and its gradients: %s', (_, names, given, counts, numRows) => {
    const options = { capacity: 0, ...given };
    const [rows, own, count] = [wave([numRows, d], 1), weightsOf(names), tf.tensor1d(counts, 'int32')];
    const expected = tf.tidy(() => passOf(groupedFfnComposed as typeof groupedFfn, options)(rows, count, own));
    const step = compileStep(
      (...all: Parameters<ReturnType<typeof passOf>>) => tf.tidy(() => passOf(groupedFfn, options)(...all)),
      { eagerFirst: false },
    );
    const got = step(rows, count, own);
    expect(got).toHaveLength(names.length + 3);
    got.forEach((tensor, i) => {
      const other = expected[i]!.dataSync();
      tensor.dataSync().forEach((value, j) => expect(Math.abs(value - other[j]!)).toBeLessThan(2e-5));
    });
    // Products of matrices are all within the calls.
    const before = tensorFlow.liveTensors();
    for (let i = 0; i < 20; i++) tf.dispose(step(rows, count, own));
    expect(tensorFlow.liveTensors()).toBe(before);
    step.dispose();
  });

  it('give what composed operations give, and their gradients: all the others', () => {
    const [tokens, classes] = [6, 7];
    const sizes = {
      ...{ table: [classes, d], gamma: [d], beta: [d], weight: [d, d], bias: [d], router: [d, numExperts] },
      ...{ gate: [d, f], up: [d, f], down: [f, d], head: [d, classes], ends: [classes] },
    };
    const entries = Object.entries(sizes).map(([name, shape], i) => [name, tf.variable(wave(shape, i + 2))]);
    const own = Object.fromEntries(entries) as Record<keyof typeof sizes, tf.Variable>;
    const mask = tf.tensor2d([1, 1, 0, 1, 1, 1], [1, tokens], 'bool');
    const pass = (ids: tf.Tensor, targets: tf.Tensor, seed: tf.Tensor) => {
      const { value, grads } = valueAndGrads(() => {
        const x = embedding(ids, own.table);
        const turned = linear(layerNorm(x, own.gamma, own.beta), own.weight, own.bias, { activation: 'gelu' });
        const [q, k, v] = [turned, x, linear(x, own.weight)].map((each) => tf.reshape(each, [1, tokens, d]));
        const options = { numHeads: 3, causal: true, rope: { style: 'half' } } as const;
        const seen = tf.add(attention(q!, k!, v!, options), attention(q!, k!, v!, { numHeads: 1, mask }));
        const normed = rmsNorm(tf.reshape(seen, [tokens, d]), own.gamma);
        const fed = dropout(swiglu(normed, own.gate, own.up, own.down), { rate: 0.3, seed, stream: 4 });
        const { weights, slots } = route(linear(normed, own.router), { topK: 2, scoreFunction: 'sigmoid' });
        const mixed = decode(encode(fed, slots, { numRows: 2 * tokens }), weights, slots);
        const together = linearCrossEntropy(mixed, own.head, targets, { bias: own.ends });
        return tf.add(together, softmaxCrossEntropy(linear(mixed, own.head), targets));
      }, own);
      const gradients = Object.values(grads);
      return [value, globalNorm(gradients), ...gradients];
    };
    const ids = tf.tensor1d([0, 3, 6, 2, 2, 5], 'int32');
    const targets = tf.tensor1d([3, 6, -100, 2, 5, 0], 'int32');
    const step = compileStep((...all: Parameters<typeof pass>) => tf.tidy(() => pass(...all)), { eagerFirst: false });
    const called = jest.spyOn(tf.engine(), 'runKernel');
    // Another seed, so another mask, by the same calls.
    for (const seed of [1, 2]) {
      const expected = tf.tidy(() => pass(ids, targets, seedTensor(seed)));
      const got = step(ids, targets, seedTensor(seed));
      expect(got).toHaveLength(2 + Object.keys(sizes).length);
      got.forEach((tensor, i) => {
        const other = expected[i]!.dataSync();
        tensor.dataSync().forEach((value, j) => expect(Math.abs(value - other[j]!)).toBeLessThan(2e-4));
      });
    }
    const names = new Set(called.mock.calls.map(([name]) => name));
    called.mockRestore();
    expect(linkableKernels.filter((name) => !names.has(name) && !/Grouped|AdamW/.test(name))).toEqual([]);
    step.dispose();
  });

  it('update parameters in place, as composed operations do', () => {
    const train = (wrap: typeof compileStep | undefined) => {
      const own = { weight: tf.variable(wave([4, d], 2)), bias: tf.variable(wave([d], 3)) };
      const optimizer = new AdamW({ beta1: 0.8, weightDecay: 0.2 });
      optimizer.prepare(own);
      const update = (weight: tf.Tensor, bias: tf.Tensor, rates: tf.Tensor, gradScale: tf.Tensor) => {
        optimizer.update(own, { weight, bias }, { rates, gradScale });
        return tf.sum(own.weight);
      };
      const step = wrap ? wrap(update, { eagerFirst: false }) : update;
      const before = own.weight.clone();
      const sums = [0.1, 0.3, 0.2].map((rate, i) => {
        const rates = tf.tensor1d(optimizer.advance(rate));
        return tf.tidy(() => step(wave([4, d], i + 5), wave([d], i + 6), rates, tf.scalar(0.5)).dataSync()[0]!);
      });
      return [sums, ...[before, own.weight, own.bias, ...Object.values(optimizer.state())].map((x) => x.arraySync())];
    };
    const [got, expected] = [train(compileStep), train(undefined)];
    const numbers = (all: unknown[]) => all.flat(3) as number[];
    numbers(got).forEach((value, i) => expect(Math.abs(value - numbers(expected)[i]!)).toBeLessThan(1e-5));
    expect(got[1]).toEqual(expected[1]);
  });

  it('refuse counts that do not fit, and say so when a variable is lost by it', () => {
    const total = tf.variable(tf.scalar(0));
    const rows = wave([8, d], 1);
    const { w1, w2 } = weightsOf(['w1', 'w2']) as Record<'w1' | 'w2', tf.Tensor>;
    const apply = (counts: tf.Tensor) => tf.sum(groupedFfn(rows, counts, { w1, w2 }, { activation: 'gelu' }));
    const [right, wrong] = [tf.tensor1d([3, 0, 5], 'int32'), tf.tensor1d([3, 0, 6], 'int32')];
    const refusal = /groupedFfn: counts\[2\]: expected 0 to 5, got 6/;
    const pass = compileStep((counts: tf.Tensor) => tf.tidy(() => apply(counts)), { eagerFirst: false });
    const before = pass(right).dataSync();
    expect(() => pass(wrong)).toThrow(refusal);
    expect(pass(right).dataSync()).toEqual(before);

    const writing = compileStep(
      (counts: tf.Tensor) => tf.tidy(() => (total.assign(tf.add(total, 1)), tf.add(apply(counts), total))),
      { eagerFirst: false },
    );
    expect(() => writing(wrong)).toThrow(refusal);
    expect(total.dataSync()[0]).toBe(0);
    writing(right);
    expect(total.dataSync()[0]).toBe(1);
    expect(() => writing(wrong)).toThrow(refusal);
    for (const use of [() => total.dataSync(), () => writing(right)])
      expect(use).toThrow(/value of the variable '.*' is lost since a call of a compiled step failed/);
    [pass, writing].forEach((step) => step.dispose());
  });
});
