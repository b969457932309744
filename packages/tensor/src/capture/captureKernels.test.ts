import { jest } from '@jest/globals';
import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import {
  cachedAttention,
  captureKernels,
  findAddon,
  KeyValueCache,
  linear,
  useBackend,
  type CapturedKernels,
  type CaptureInputs,
} from '../index.js';

const weight = () => tf.tidy(() => tf.variable(tf.randomNormal<tf.Rank.R2>([4, 4], 0, 1, 'float32', 3)));
const numbers = (seed: number) => Float32Array.from({ length: 8 }, (_, i) => Math.sin(seed * 8 + i));

describeUnless(findAddon().problem, 'captured kernels', () => {
  beforeAll(() => useBackend('scmoe', { threads: 1 }));

  /** A step over x (2, 4) with constants, several buffers of one size, and what is freed on the way. */
  const stepWith =
    (w: tf.Tensor2D) =>
    ({ input }: CaptureInputs): [tf.Tensor2D, tf.Scalar] => {
      const x = input<tf.Rank.R2>(numbers(1), [2, 4]);
      const shifted = tf.add(tf.mul(x, tf.scalar(3)), tf.tensor1d([1, 2, 3, 4]));
      const hidden = linear(
        tf
          .pad(shifted, [
            [0, 0],
            [2, 0],
          ])
          .slice([0, 2]),
        w,
        undefined,
        { activation: 'gelu' },
      );
      const y = tf.add<tf.Tensor2D>(hidden, tf.range(0, 4));
      return [y, tf.sum(y)];
    };

  const capture = (step: (inputs: CaptureInputs) => tf.Tensor[]): CapturedKernels => {
    const { outputs, captured, problem } = captureKernels(step);
    tf.dispose(outputs);
    if (!captured) throw new Error(problem);
    return captured;
  };

  it('give for other inputs what the step gives, bit for bit, as often as they are called', () => {
    const w = weight();
    const captured = capture(stepWith(w));
    for (const seed of [7, 8, 9]) {
      const again = captured.replay([numbers(seed)]);
      const { outputs } = captureKernels(({ input }) =>
        stepWith(w)({ input: (_, shape) => input(numbers(seed), shape) }),
      );
      expect(again.map((tensor) => tensor.dataSync())).toEqual(outputs.map((tensor) => tensor.dataSync()));
      tf.dispose([...again, ...outputs]);
    }
    captured.dispose();
    w.dispose();
  });

  it('call no kernel through TF.js', () => {
    const w = weight();
    const captured = capture(stepWith(w));
    const runKernel = jest.spyOn(tf.engine(), 'runKernel');
    tf.dispose(captured.replay([numbers(2)]));
    expect(runKernel).not.toHaveBeenCalled();
    runKernel.mockRestore();
    captured.dispose();
    w.dispose();
  });

  it('see a variable that is updated in place, and know of one that is gone', () => {
    const w = weight();
    const captured = capture(({ input }) => [tf.matMul(input<tf.Rank.R2>(numbers(1), [2, 4]), w)]);
    const sum = () =>
      tf.tidy(
        () =>
          captured
            .replay([numbers(1)])[0]!
            .sum()
            .dataSync()[0]!,
      );
    const before = sum();
    const optimizer = tf.train.sgd(0.5);
    expect(captured.isCurrent).toBe(true);
    optimizer.minimize(() => tf.sum<tf.Scalar>(tf.square(w)), false, [w]);
    // TF.js's own optimizer puts a new tensor in the place of the old one.
    expect(captured.isCurrent).toBe(false);
    expect(before).not.toBe(0);
    captured.dispose();
    w.dispose();
  });

  it('know of a tensor that another backend has had, and that is elsewhere now', async () => {
    const w = weight();
    const captured = capture(({ input }) => [tf.matMul(input<tf.Rank.R2>(numbers(1), [2, 4]), w)]);
    const use = () => tf.tidy(() => tf.mul(w, 2).dataSync());
    await tf.setBackend('cpu');
    use();
    expect(captured.isCurrent).toBe(false);
    await tf.setBackend('scmoe');
    use();
    expect(captured.isCurrent).toBe(false);
    captured.dispose();
    w.dispose();
  });

  it('run attention over caches as it is, with the caches of the moment', () => {
    const row = (seed: number) => numbers(seed).subarray(0, 8);
    let cache = new KeyValueCache();
    const part = {
      get cache() {
        return cache;
      },
      count: 1,
    };
    const step = ({ input }: CaptureInputs) => {
      const x = input<tf.Rank.R3>(row(1), [1, 1, 8]);
      return [cachedAttention(x, x, tf.mul(x, 2), [part], { numHeads: 2, rope: { style: 'half' } })];
    };
    const captured = capture(step);
    cache.dispose();
    const outputs = (advance: (values: Float32Array) => tf.Tensor) => {
      cache = new KeyValueCache();
      const all = Array.from({ length: 40 }, (_, i) => tf.tidy(() => [...advance(row(i + 5)).dataSync()]));
      cache.dispose();
      return all;
    };
    const replayed = outputs((values) => captured.replay([values])[0]!);
    const asItIs = outputs((values) => step({ input: (_, shape) => tf.tensor(values, shape) })[0]!);
    expect(replayed).toEqual(asItIs);
    captured.dispose();
  });

  it.each<[string, (x: tf.Tensor2D, before: tf.Tensor) => tf.Tensor]>([
    ['it reads the data of a tensor', (x) => tf.mul(x, x.dataSync()[0]!)],
    ['its kernel Unique is JavaScript', (x) => tf.unique(tf.reshape(x, [-1])).values],
    [
      'it disposes a tensor that was there before',
      (x, before) => {
        const y = tf.add(x, before);
        before.dispose();
        return y;
      },
    ],
  ])('are none of a step because %s, whose result stands', (problem, step) => {
    const before = tf.scalar(2);
    const result = captureKernels(({ input }) => [step(input<tf.Rank.R2>(numbers(1), [2, 4]), before)]);
    expect(result).toMatchObject({ problem, outputs: [{ isDisposed: false }] });
    expect(result.outputs[0]!.dataSync()).not.toHaveLength(0);
    before.dispose();
    tf.dispose(result.outputs);
  });

  it('stop where a kernel gives another answer than it gave: an index that is out of range', () => {
    const table = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    const captured = capture(({ input }) => [tf.gather(table, input<tf.Rank.R1>(Int32Array.of(1), [1]))]);
    expect(() => captured.replay([Int32Array.of(7)])).toThrow(/gather: gave 0.* where it gave -1/);
    expect(tf.tidy(() => captured.replay([Int32Array.of(0)])[0]!.arraySync())).toEqual([[1, 2]]);
    captured.dispose();
    table.dispose();
  });

  it('lend what the step has given while it was captured, and write all of it anew when their memory was given back', () => {
    const w = tf.tidy(() => tf.variable(tf.randomNormal<tf.Rank.R2>([512, 512], 0, 1, 'float32', 3)));
    const values = Float32Array.from({ length: 512 * 512 }, (_, i) => Math.sin(i));
    const { outputs, captured } = captureKernels(({ input }) => {
      const x = input<tf.Rank.R2>(values, [512, 512]);
      return [tf.matMul(tf.add(x, tf.tensor2d(values, [512, 512])), w), tf.mul(x, 2)];
    });
    const lent = captured!.lend(outputs);
    const before = lent.map((tensor) => tensor.dataSync());
    captured!.empty(); // what is still held is copied out of it
    expect(lent.map((tensor) => tensor.dataSync())).toEqual(before);
    const again = captured!.replay([values]);
    expect(again.map((tensor) => tensor.dataSync())).toEqual(before);
    captured!.dispose();
    tf.dispose([...lent, ...again, w]);
  });

  it('leave no tensor and no memory of the pool behind, also where the step throws', () => {
    const w = weight();
    const { numTensors } = tf.memory();
    const inUse = () => (tf.memory() as unknown as { bytesInUse: number }).bytesInUse;
    const bytes = inUse();
    const captured = capture(stepWith(w));
    tf.dispose(captured.replay([numbers(4)]));
    expect(captured.numBytes).toBeGreaterThan(0);
    captured.dispose();
    expect(() =>
      captureKernels(({ input }) => [tf.matMul(input<tf.Rank.R2>(numbers(1), [2, 4]), tf.ones([5, 5]))]),
    ).toThrow('matMul');
    expect(tf.memory().numTensors).toBe(numTensors);
    expect(inUse()).toBe(bytes);
    tf.dispose(capture(stepWith(w)).replay([numbers(4)]));
    w.dispose();
  });

  it('are not made within others, nor on another backend', async () => {
    expect(() => captureKernels(() => captureKernels(() => []).outputs)).toThrow(
      'captureKernels: expected no capture within a capture',
    );
    await tf.setBackend('cpu');
    expect(() => captureKernels(() => [])).toThrow('captureKernels: expected the backend scmoe, got cpu');
    await tf.setBackend('scmoe');
  });
});
