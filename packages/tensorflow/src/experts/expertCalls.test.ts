import { groupedFfn, groupedFfnComposed, type GroupedFfnOptions, type TwoLayerExperts } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { TensorFlowBinding } from '../binding/TensorFlowBinding.js';
import { compileStep } from '../compile/compileStep.js';
import { describeWithTensorFlow } from '../testing/describeWithTensorFlow.js';
import { useTensorFlow } from '../testing/useTensorFlow.js';
import { expertCallsProblem } from './withExpertKernels.js';

describeWithTensorFlow('experts in a step that XLA compiles', () => {
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

  it('are the kernels of @scmoe/tensor', () => expect(expertCallsProblem(tensorFlow)).toBeUndefined());

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
