import { AdamW, clipScale, globalNorm, valueAndGrads } from '@scmoe/tensor';
import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import type { TensorFlowBackend } from '../backend/TensorFlowBackend.js';
import type { TensorFlowBinding } from '../binding/TensorFlowBinding.js';
import { tensorFlowProblem } from '../testing/tensorFlowProblem.js';
import { useTensorFlow } from '../testing/useTensorFlow.js';
import { compileStep } from './compileStep.js';
import { asTensor } from './currentBackend.js';

describeUnless(tensorFlowProblem(), 'a compiled step', () => {
  let tensorFlow: TensorFlowBinding;
  beforeAll(async () => {
    tensorFlow = await useTensorFlow();
  });
  afterEach(() => tf.disposeVariables());

  const wave = (shape: number[], step = 1) =>
    tf.tidy(() => tf.sin(tf.mul(tf.range(0, tf.util.sizeFromShape(shape)), step)).reshape(shape));
  /** Losses of some steps, and what the variables are then. */
  const run = (step: () => tf.Tensor, variables: () => tf.Variable[], steps: number) => {
    const losses = Array.from({ length: steps }, () => {
      const loss = step();
      const [value] = loss.dataSync();
      loss.dispose();
      return value!;
    });
    return { losses, values: variables().map((variable) => variable.dataSync().slice()) };
  };
  const expectClose = (a: ReturnType<typeof run>, b: ReturnType<typeof run>) => {
    a.losses.forEach((loss, i) => expect(Math.abs(loss - b.losses[i]!)).toBeLessThan(1e-5));
    a.values.forEach((values, i) =>
      values.forEach((value, j) => expect(Math.abs(value - b.values[i]![j]!)).toBeLessThan(1e-5)),
    );
  };

  /** A model of plain tf.layers with an optimizer of TF.js. */
  const perceptron = () => {
    const dense = (inputs: number, units: number, seed: number, activation?: 'relu') =>
      tf.layers.dense({
        inputShape: [inputs],
        units,
        activation,
        kernelInitializer: tf.initializers.glorotUniform({ seed }),
      });
    const model = tf.sequential({ layers: [dense(4, 8, 1, 'relu'), dense(8, 2, 2)] });
    const optimizer = tf.train.adam(0.01);
    const step = (x: tf.Tensor2D, y: tf.Tensor2D) =>
      optimizer.minimize(
        () => tf.losses.meanSquaredError<tf.Tensor, tf.Scalar>(y, model.apply(x, { training: true }) as tf.Tensor),
        true,
      )!;
    const weights = () => model.trainableWeights.map((weight) => weight.read() as tf.Variable);
    return { step, weights };
  };

  /** A causal transformer of plain operations. */
  const transformer = () => {
    const [vocabulary, d, length] = [11, 8, 6];
    const weight = (rows: number, columns: number, i: number) => tf.variable(tf.mul(wave([rows, columns], i), 0.3));
    const [embedding, head] = [weight(vocabulary, d, 1), weight(d, vocabulary, 2)];
    const projections: tf.Variable[] = [3, 4, 5, 6].map((i) => weight(d, d, i));
    const [up, down] = [weight(d, 4 * d, 7), weight(4 * d, d, 8)];
    const optimizer = tf.train.adam(0.01);
    const loss = (ids: tf.Tensor1D, targets: tf.Tensor1D) => {
      let x = tf.gather(embedding, ids);
      const [query, key, value, output] = projections as [tf.Variable, tf.Variable, tf.Variable, tf.Variable];
      const mask = tf.linalg.bandPart(tf.ones([length, length]), -1, 0);
      const scores = tf.matMul(tf.matMul(x, query), tf.matMul(x, key), false, true).div(Math.sqrt(d));
      const attended = tf.matMul(tf.softmax(tf.where(mask.cast('bool'), scores, -1e9)), tf.matMul(x, value));
      x = x.add(tf.matMul(attended, output));
      x = x.add(tf.matMul(tf.elu(tf.matMul(x, up)), down));
      const logProbabilities = tf.logSoftmax(tf.matMul(x, head));
      return tf.neg<tf.Scalar>(tf.mean(tf.sum(tf.mul(logProbabilities, tf.oneHot(targets, vocabulary)), 1)));
    };
    const step = (ids: tf.Tensor1D, targets: tf.Tensor1D) => optimizer.minimize(() => loss(ids, targets), true)!;
    return { step, weights: () => [embedding, head, ...projections, up, down] };
  };

  it('of a tf.layers model with Adam gives the losses and weights of eager steps', () => {
    const [x, y] = [wave([5, 4]), wave([5, 2], 2)] as [tf.Tensor2D, tf.Tensor2D];
    const eager = perceptron();
    const expected = run(() => eager.step(x, y), eager.weights, 6);
    const model = perceptron();
    const step = compileStep(model.step);
    expectClose(
      run(() => step(x, y), model.weights, 6),
      expected,
    );
    expect(step.forms()).toEqual([{ operations: expect.any(Number) as number, pieces: 1, calls: 5 }]);
    step.dispose();
  });

  it('of a transformer gives the losses and weights of eager steps', () => {
    const ids = tf.tensor1d([1, 2, 3, 4, 5, 6], 'int32');
    const targets = tf.tensor1d([2, 3, 4, 5, 6, 7], 'int32');
    const eager = transformer();
    const expected = run(() => eager.step(ids, targets), eager.weights, 5);
    const model = transformer();
    const step = compileStep(model.step);
    expectClose(
      run(() => step(ids, targets), model.weights, 5),
      expected,
    );
    expect(expected.losses[4]).toBeLessThan(expected.losses[0]! - 0.1);
    step.dispose();
  });

  it('takes the rates of AdamW and clips, without a number that is frozen', () => {
    const make = () => {
      const w = tf.variable(wave([4, 3]));
      const optimizer = new AdamW({ weightDecay: 0.1 });
      const gradients = (x: tf.Tensor) =>
        valueAndGrads(() => tf.mean<tf.Scalar>(tf.square(tf.sub(tf.matMul(x, w), 1))), { w });
      return { w, optimizer, gradients };
    };
    const x = wave([5, 4], 3);
    const rate = (i: number) => 0.1 / (i + 1);
    const [eager, model] = [make(), make()];
    let i = 0;
    const eagerStep = () => {
      const { value, grads } = eager.gradients(x);
      const gradScale = tf.tidy(() => clipScale(globalNorm(Object.values(grads)), 0.5));
      eager.optimizer.step({ w: eager.w }, grads, { learningRate: rate(i++), gradScale });
      tf.dispose([grads, gradScale]);
      return value;
    };
    const step = compileStep((x: tf.Tensor, rates: tf.Tensor1D) =>
      tf.tidy(() => {
        const { value, grads } = model.gradients(x);
        const gradScale = clipScale(globalNorm(Object.values(grads)), 0.5);
        model.optimizer.update({ w: model.w }, grads, { rates, gradScale });
        return value;
      }),
    );
    const expected = run(eagerStep, () => [eager.w], 6);
    i = 0;
    const compiledStep = () => {
      const rates = tf.tensor1d(model.optimizer.advance(rate(i++)));
      const loss = step(x, rates);
      rates.dispose();
      return loss;
    };
    expectClose(
      run(compiledStep, () => [model.w], 6),
      expected,
    );
    expect(model.optimizer.stepCount).toBe(6);
    step.dispose();
    eager.optimizer.dispose();
    model.optimizer.dispose();
  });

  /** A step that moves `w` and is of use for all of the following; not compiled, which makes no difference to them. */
  const moving = (w: tf.Variable) =>
    compileStep(
      (x: tf.Tensor, rate: tf.Scalar) =>
        tf.tidy(() => {
          w.assign(tf.add(w, tf.mul(tf.sum(x), rate)));
          return { sum: tf.sum(w), parts: [tf.neg(w), x] };
        }),
      { compile: false, cacheSize: 2 },
    );

  it('takes numbers as scalars, and gives results in the form that the step gives them', () => {
    const w = tf.variable(tf.tensor1d([1, 2]));
    const step = moving(w);
    for (const [i, rate] of [1, 10, 100, 1000].entries()) {
      const result = step(tf.tensor1d([1, 1]), rate);
      const expected = [1, 2].map((value) => value + [2, 22, 222, 2222][i]!);
      expect(result.sum.dataSync()).toEqual(Float32Array.of(expected[0]! + expected[1]!));
      expect(result.parts.map((part) => Array.from(part.dataSync()))).toEqual([expected.map((v) => -v), [1, 1]]);
    }
    step.dispose();
  });

  it('sees what the program assigns, and leaves clones as they are', () => {
    const w = tf.variable(tf.tensor1d([1, 2]));
    const step = moving(w);
    const x = tf.tensor1d([1]);
    for (let i = 0; i < 3; i++) step(x, 1);
    expect(Array.from(w.dataSync())).toEqual([4, 5]);
    const clone = w.clone();
    const square = tf.square(w); // an operation reads the variable
    step(x, 1);
    w.assign(tf.tensor1d([10, 20]));
    step(x, 5);
    expect([w, clone, square].map((tensor) => Array.from(tensor.dataSync()))).toEqual([
      [15, 25],
      [4, 5],
      [16, 25],
    ]);
    step.dispose();
    expect(Array.from(w.dataSync())).toEqual([15, 25]);
    w.assign(tf.tensor1d([0, 0]));
    expect(Array.from(w.dataSync())).toEqual([0, 0]);
  });

  it('is compiled from its first call on where it is asked to, with variables that exist', () => {
    const w = tf.variable(tf.tensor1d([1, 2]));
    let runs = 0;
    const step = compileStep((x: tf.Tensor) => (runs++, tf.tidy(() => (w.assign(tf.add(w, x)), tf.sum(w)))), {
      compile: false,
      eagerFirst: false,
    });
    for (const expected of [5, 7, 9, 11]) expect(step(tf.scalar(1)).dataSync()).toEqual(Float32Array.of(expected));
    expect([runs, step.forms()[0]!.calls]).toEqual([3, 4]);
    step.dispose();
    const making = compileStep(() => tf.variable(tf.scalar(1)).clone(), { compile: false, eagerFirst: false });
    expect(making).toThrow(/expected all variables to exist .* before it with \{ eagerFirst: false \}/);
  });

  it('gives as results what the step keeps of them', () => {
    const x = tf.tensor1d([1, 2]);
    const step = compileStep((x: tf.Tensor) => ({ kept: tf.keep(tf.neg(x)), same: x }), { compile: false });
    for (let i = 0; i < 2; i++) tf.dispose(step(x));
    const before = [tensorFlow.liveTensors(), tf.memory().numTensors];
    for (let i = 0; i < 3; i++) {
      const { kept, same } = step(x);
      expect([kept, same].map((tensor) => Array.from(tensor.dataSync()))).toEqual([
        [-1, -2],
        [1, 2],
      ]);
      tf.dispose([kept, same]);
    }
    expect([tensorFlow.liveTensors(), tf.memory().numTensors]).toEqual(before);
    step.dispose();
  });

  it('leaves a clone as it is where the program assigns another value and the clone afterwards', () => {
    const w = tf.variable(tf.tensor1d([1, 2]));
    const step = compileStep(() => tf.tidy(() => tf.mul(w, 10)), { compile: false, eagerFirst: false });
    const values = () => Array.from(step().dataSync());
    expect(values()).toEqual([10, 20]);
    const own = w.clone();
    w.assign(tf.tensor1d([5, 6]));
    expect(values()).toEqual([50, 60]);
    expect(Array.from(own.dataSync())).toEqual([1, 2]);
    w.assign(own);
    own.dispose();
    expect(values()).toEqual([10, 20]);
    step.dispose();
  });

  it('leaves a clone as it is where the program assigns another value and the step is disposed', () => {
    const w = tf.variable(tf.tensor1d([1, 2]));
    const step = moving(w);
    for (let i = 0; i < 2; i++) step(tf.scalar(1), 1);
    const clone = w.clone();
    w.assign(tf.tensor1d([0, 0]));
    step.dispose();
    expect([w, clone].map((tensor) => Array.from(tensor.dataSync()))).toEqual([
      [0, 0],
      [3, 4],
    ]);
  });

  it('goes on with variables that another backend has read', async () => {
    const w = tf.variable(tf.tensor1d([1, 2]));
    const step = moving(w);
    for (let i = 0; i < 2; i++) step(tf.scalar(1), 1);
    await tf.setBackend('cpu');
    expect(Array.from(tf.add(w, 1).dataSync())).toEqual([4, 5]);
    await tf.setBackend('tensorflow');
    step(tf.scalar(1), 1);
    expect(Array.from(w.dataSync())).toEqual([4, 5]);
    step.dispose();
  });

  it('shares variables with other compiled steps', () => {
    const w = tf.variable(tf.tensor1d([1, 2]));
    const train = moving(w);
    const evaluate = compileStep((x: tf.Tensor) => tf.tidy(() => tf.sum(tf.mul(w, x))), { compile: false });
    for (let i = 1; i < 5; i++) {
      train(tf.scalar(1), 1);
      expect(evaluate(tf.scalar(2)).dataSync()).toEqual(Float32Array.of(2 * (3 + 2 * i)));
    }
    train.dispose();
    expect(evaluate(tf.scalar(1)).dataSync()).toEqual(Float32Array.of(11));
    evaluate.dispose();
  });

  it('is compiled anew for arguments of another form, and keeps as many forms as it may', () => {
    const w = tf.variable(tf.tensor1d([0]));
    const step = moving(w);
    const call = (size: number) => step(tf.ones([size]), 1);
    for (const size of [1, 1, 2, 3, 1]) call(size);
    expect(step.forms().map(({ calls }) => calls)).toEqual([1, 1]);
    expect(Array.from(w.dataSync())).toEqual([8]);
    call(3);
    expect(step.forms().map(({ calls }) => calls)).toEqual([1, 2]);
    step.dispose();
    const branching = compileStep(
      (x: tf.Tensor, { negative }: { negative?: boolean }) => tf.tidy(() => (negative ? tf.neg(x) : tf.square(x))),
      { compile: false },
    );
    for (const negative of [true, false, true, false, true]) {
      expect(branching(tf.scalar(3), { negative }).dataSync()).toEqual(Float32Array.of(negative ? -3 : 9));
    }
    expect(branching.forms()).toHaveLength(2);
    branching.dispose();
  });

  it('leaves no handle and no tensor over a thousand calls', () => {
    const { step, weights } = perceptron();
    const compiled = compileStep(step, { compile: false });
    const [x, y] = [wave([5, 4]), wave([5, 2], 2)] as [tf.Tensor2D, tf.Tensor2D];
    const calls = (count: number) => {
      for (let i = 0; i < count; i++) compiled(x, y).dispose();
      void weights()[0]!.dataSync();
    };
    calls(3);
    const before = [tensorFlow.liveTensors(), tf.memory().numTensors];
    calls(1000);
    expect([tensorFlow.liveTensors(), tf.memory().numTensors]).toEqual(before);
    compiled.dispose();
  });

  it('leaves nothing of forms that go and of recordings that fail', () => {
    const w = tf.variable(tf.tensor1d([1, 2]));
    const mask = tf.ones([40]);
    let fails = false;
    const step = compileStep(
      (x: tf.Tensor) =>
        tf.tidy(() => {
          w.assign(tf.add(w, tf.mul(tf.sum(x), tf.sum(mask))));
          if (fails) throw new Error('halfway');
          return tf.sum(w);
        }),
      { compile: false, cacheSize: 1 },
    );
    const call = (size: number) => tf.tidy(() => void step(tf.ones([size])));
    for (const size of [20, 20, 21]) call(size);
    const before = [tensorFlow.liveTensors(), tf.memory().numTensors];
    for (let i = 0; i < 50; i++) {
      call(20 + (i % 2));
      fails = true;
      expect(() => call(30)).toThrow('halfway');
      fails = false;
    }
    expect([tensorFlow.liveTensors(), tf.memory().numTensors]).toEqual(before);
    step.dispose();
    expect(() => call(20)).toThrow('after its dispose()');
  });

  it('names the operation and the line where XLA has no compiled form, and runs it otherwise', () => {
    const image = wave([1, 6, 6, 1]) as tf.Tensor4D;
    const boxes = tf.tensor2d([[0, 0, 1, 1]]);
    const backend = tf.backend() as TensorFlowBackend;
    const crop = (image: tf.Tensor4D, boxes: tf.Tensor2D) =>
      asTensor(backend.run('CropAndResize', [image, boxes, backend.ints([0]), backend.ints([2, 2])]));
    const compiled = compileStep(crop);
    compiled(image, boxes);
    expect(() => compiled(image, boxes)).toThrow(
      /XLA has no compiled form of CropAndResize, which runs at .*compileStep\.test.*compile: false/,
    );
    compiled.dispose();
    const recorded = compileStep(crop, { compile: false });
    const [first, second] = [recorded(image, boxes), recorded(image, boxes)].map((crop) => crop.dataSync());
    expect(second).toEqual(first);
    recorded.dispose();
    const onHost = compileStep((x: tf.Tensor1D) => tf.tidy(() => tf.unique(x).values));
    const x = tf.tensor1d([1, 2, 1]);
    onHost(x);
    expect(() => onHost(x)).toThrow(/Unique, which runs on the host here, reads argument 0 .* at .*compileStep\.test/);
    onHost.dispose();
  });

  it('is refused on another backend, within a gradient, within itself, and with options that are none', async () => {
    const step = compileStep((x: tf.Tensor) => tf.tidy(() => tf.square(x)));
    expect(() => tf.grad((x) => step(x))(tf.scalar(1))).toThrow('while a gradient is taken');
    const outer = compileStep((x: tf.Tensor): tf.Tensor => outer(x));
    expect(() => outer(tf.scalar(1))).toThrow('within itself');
    expect(() => step(new Date() as never)).toThrow('args[0]: expected tensors, numbers');
    await tf.setBackend('cpu');
    expect(() => step(tf.scalar(1))).toThrow(/expected the backend 'tensorflow' .* got 'cpu'/);
    await tf.setBackend('tensorflow');
    expect(() => compileStep(null as never)).toThrow('compileStep: step: expected a function');
    expect(() => compileStep(() => tf.scalar(1), { cacheSize: 0 })).toThrow('cacheSize: expected a positive integer');
  });
});
