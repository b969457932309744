import { AdamW } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { AveragedOptimizer, averagesIn, type Optimizer } from '../index.js';

/** An optimizer that takes the gradient away. */
function descent(): Optimizer {
  let stepCount = 0;
  return {
    name: 'descent',
    get stepCount() {
      return stepCount;
    },
    step: (variables, gradients) => {
      stepCount++;
      for (const [name, variable] of Object.entries(variables)) variable.assign(tf.sub(variable, gradients[name]!));
    },
    state: () => ({}),
    loadState: (_state, count) => void (stepCount = count),
  };
}

const values = (tensors: Record<string, tf.Tensor>) =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, [...tensor.dataSync()]]));

describe('an averaged optimizer', () => {
  it('averages the variables after each update, the first ones with less memory', () => {
    tf.tidy(() => {
      const x = tf.variable(tf.tensor1d([10]));
      const optimizer = new AveragedOptimizer(descent(), 0.25);
      const step = () => optimizer.step({ x }, { x: tf.tensor1d([1]) }, { learningRate: 1 });
      step();
      expect(values(averagesIn(optimizer.state()))).toEqual({ x: [9] });
      step();
      // (1 + 2) / (10 + 2) is 0.25 as well.
      expect(values(averagesIn(optimizer.state()))['x']![0]).toBeCloseTo(0.25 * 9 + 0.75 * 8, 6);
      step();
      expect(values(averagesIn(optimizer.state()))['x']![0]).toBeCloseTo(0.25 * 8.25 + 0.75 * 7, 6);
      expect(x.dataSync()[0]).toBe(7);
    });
  });

  it('moves by rates on the device as by numbers, and has no averages before the first step', () => {
    tf.tidy(() => {
      const make = () => ({
        x: tf.variable(tf.tensor1d([10, -3])),
        optimizer: new AveragedOptimizer(new AdamW(), 0.5),
      });
      const [plain, onDevice] = [make(), make()];
      onDevice.optimizer.prepare({ x: onDevice.x });
      expect(averagesIn(onDevice.optimizer.state())).toEqual({});
      for (let i = 0; i < 4; i++) {
        const gradients = { x: tf.tensor1d([1, i]) };
        plain.optimizer.step({ x: plain.x }, gradients, { learningRate: 0.1 });
        const rates = tf.tensor1d(onDevice.optimizer.advance(0.1));
        onDevice.optimizer.update({ x: onDevice.x }, gradients, { rates });
        const [expected, got] = [plain, onDevice].map(({ optimizer }) => values(averagesIn(optimizer.state()))['x']!);
        expected!.forEach((value, j) => expect(got![j]).toBeCloseTo(value, 5));
      }
      const without = new AveragedOptimizer(descent(), 0.5);
      expect(() => without.advance(0.1)).toThrow('descent: expected an optimizer with prepare, advance and update');
    });
  });

  it('lends the averages to an evaluation, and gives the variables back after a failure too', async () => {
    const x = tf.variable(tf.tensor1d([10]));
    const optimizer = new AveragedOptimizer(descent(), 0.9);
    await optimizer.withAverages({ x }, async () => expect(await x.data()).toEqual(Float32Array.of(10)));
    for (let i = 0; i < 3; i++) optimizer.step({ x }, { x: tf.tensor1d([1]) }, { learningRate: 1 });
    const [average] = values(averagesIn(optimizer.state()))['x']!;
    expect(average).not.toBe(7);
    const before = tf.memory().numTensors;
    const failing = optimizer.withAverages({ x }, async () => {
      expect((await x.data())[0]).toBe(average);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(x.dataSync()[0]).toBe(7);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('goes on from its state as if it had not stopped', () => {
    const train = (steps: number, resumeAt?: number) =>
      tf.tidy(() => {
        const x = tf.variable(tf.tensor1d([1, 2]));
        let optimizer = new AveragedOptimizer(new AdamW(), 0.5);
        for (let i = 0; i < steps; i++) {
          optimizer.step({ x }, { x: tf.tensor1d([Math.sin(i), 1]) }, { learningRate: 0.1 });
          if (i + 1 !== resumeAt) continue;
          const state = optimizer.state();
          optimizer = new AveragedOptimizer(new AdamW(), 0.5);
          optimizer.loadState(state, resumeAt);
        }
        return values(optimizer.state());
      });
    expect(Object.keys(train(5)).sort()).toEqual(['average.x', 'm.x', 'v.x']);
    expect(train(5, 3)).toEqual(train(5));
  });

  it.each([0, 1, -0.5])('refuses a decay of %s', (decay) => {
    expect(() => new AveragedOptimizer(new AdamW(), decay)).toThrow(/^decay: expected .* below 1, got/);
  });
});
