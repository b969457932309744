import { jest } from '@jest/globals';
import { AdamW } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { randomTokenBatches, sequentialTokenBatches, type TokenBatch } from '../data/tokenBatches.js';
import { bigramModel } from '../testing/bigramModel.js';
import { evaluate } from './evaluate.js';
import { DivergedError } from './Divergence.js';
import { type StepRecord, train, type TrainOptions } from './train.js';
import type { Batch, Trainable } from './Trainable.js';

const vocabSize = 6;
const sequence = { ids: Uint16Array.from({ length: 200 }, (_, i) => (i * i) % vocabSize), numBytes: 200 };

function setup(options: Partial<TrainOptions<TokenBatch>> & { batchSize?: number } = {}) {
  const model = bigramModel(vocabSize);
  const records: StepRecord[] = [];
  const all: TrainOptions<TokenBatch> = {
    model,
    optimizer: new AdamW({ weightDecay: 0 }),
    drawBatch: randomTokenBatches(sequence, { batchSize: options.batchSize ?? 4, sequenceLength: 10, seed: 1 }),
    learningRate: () => 0.05,
    steps: 5,
    onStep: (record) => void records.push(record),
    ...options,
  };
  return { model, records, run: () => train(all) };
}

describe('train', () => {
  it('lowers the loss and reports each step', async () => {
    const { records, run } = setup({ steps: 60 });
    expect(await run()).toEqual({ step: 60, finished: true });
    expect(records.map(({ step }) => step)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    expect(records.at(-1)!.loss).toBeLessThan(0.5 * records[0]!.loss);
    expect(records[0]!.metrics['crossEntropy']).toBe(records[0]!.loss);
  });

  it('takes the learning rate of the update index, from 0', async () => {
    const asked: number[] = [];
    const { run } = setup({ startStep: 2, learningRate: (index) => (asked.push(index), 0.01) });
    await run();
    expect(asked).toEqual([2, 3, 4]);
  });

  describe('by a clock', () => {
    /** Every look at the clock comes a second after the one before it. */
    const withSlowClock = async (run: () => Promise<unknown>) => {
      let now = 0;
      const clock = jest.spyOn(performance, 'now').mockImplementation(() => (now += 1000));
      try {
        return await run();
      } finally {
        clock.mockRestore();
      }
    };

    it('ends after the step at whose end the time is up, and asks for the learning rate by it', async () => {
      const asked: number[] = [];
      const calls: string[] = [];
      const learningRate = (index: number, elapsed: number) => (asked.push(elapsed), 0.01 + index);
      const { records, run } = setup({
        steps: undefined,
        clock: { totalSeconds: 20 },
        learningRate,
        evaluate: (step) => Promise.resolve(void calls.push(`evaluate ${step}`)),
        save: (step, elapsed) => Promise.resolve(void calls.push(`save ${step} after ${elapsed}`)),
      });
      const result = (await withSlowClock(run)) as Awaited<ReturnType<typeof run>>;
      const elapsed = records.map(({ elapsedSeconds }) => elapsedSeconds!);
      expect(asked).toEqual([0, ...elapsed.slice(0, -1)]);
      expect(elapsed.filter((seconds) => seconds >= 20)).toEqual([result.elapsedSeconds]);
      expect(result).toEqual({ step: records.length, finished: true, elapsedSeconds: elapsed.at(-1) });
      expect(calls).toEqual([`evaluate ${result.step}`, `save ${result.step} after ${result.elapsedSeconds}`]);
    });

    it('goes on from the time that it has had, and does nothing where that is all', async () => {
      const on = setup({ steps: undefined, clock: { totalSeconds: 20, startSeconds: 15 }, startStep: 7 });
      await withSlowClock(on.run);
      expect(on.records[0]!.step).toBe(8);
      expect(on.records[0]!.elapsedSeconds).toBeGreaterThan(15);
      const done = setup({ steps: undefined, clock: { totalSeconds: 20, startSeconds: 20 }, startStep: 9 });
      expect(await done.run()).toEqual({ step: 9, finished: true, elapsedSeconds: 20 });
      expect(done.records).toEqual([]);
    });

    it('has a number of steps where it has no clock', async () => {
      await expect(setup({ steps: undefined }).run()).rejects.toThrow(
        /^steps: expected a number of them where there is no clock, got /,
      );
    });
  });

  it('accumulates: two micro-batches of 4 are one batch of 8', async () => {
    const whole = setup({ batchSize: 8 });
    const halves = setup({ batchSize: 4, accumulate: 2 });
    await whole.run();
    await halves.run();
    for (const [i, record] of halves.records.entries()) {
      // Sums of the same float32 numbers in another order.
      expect(record.loss).toBeCloseTo(whole.records[i]!.loss, 5);
      expect(record.gradientNorm).toBeCloseTo(whole.records[i]!.gradientNorm, 5);
    }
    const [a, b] = [whole.model.variables['table']!.dataSync(), halves.model.variables['table']!.dataSync()];
    a.forEach((value, i) => expect(b[i]).toBeCloseTo(value, 4));
  });

  it('evaluates and saves when it is told to, and after the last step', async () => {
    const calls: string[] = [];
    const log = (what: string) => (step: number) => Promise.resolve(void calls.push(`${what} ${step}`));
    await setup({ steps: 5, evalEvery: 2, saveEvery: 3, evaluate: log('evaluate'), save: log('save') }).run();
    expect(calls).toEqual(['evaluate 2', 'save 3', 'evaluate 4', 'evaluate 5', 'save 5']);
  });

  it('stops after the current step when the signal fires, and saves', async () => {
    const controller = new AbortController();
    const saved: number[] = [];
    const result = await setup({
      steps: 100,
      signal: controller.signal,
      onStep: ({ step }) => step === 3 && controller.abort(),
      save: (step) => Promise.resolve(void saved.push(step)),
    } as Partial<TrainOptions<TokenBatch>>).run();
    expect(result).toEqual({ step: 3, finished: false });
    expect(saved).toEqual([3]);
  });

  it('lets timers fire between steps', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 1);
    const result = await setup({ steps: 100_000, signal: controller.signal }).run();
    expect(result.finished).toBe(false);
  });

  it('leaves no tensor behind', async () => {
    const { model, run } = setup();
    await run();
    const before = tf.memory().numTensors;
    await train({
      model,
      optimizer: new AdamW(),
      drawBatch: randomTokenBatches(sequence, { batchSize: 4, sequenceLength: 10, seed: 1 }),
      learningRate: () => 0.01,
      steps: 3,
      accumulate: 2,
    });
    // What stays are the optimizer's two moments of two parameters.
    expect(tf.memory().numTensors - before).toBe(4);
  });

  it('stops at a loss that is no number, names the step and does not update', async () => {
    const { model } = setup();
    let calls = 0;
    const broken: Trainable<TokenBatch> = {
      ...model,
      loss: (batch, context) => {
        const { loss } = model.loss(batch, context);
        return { loss: ++calls === 3 ? tf.mul(loss, NaN) : loss };
      },
    };
    const saved: number[] = [];
    const values: number[][] = [];
    const failure = train({
      model: broken,
      optimizer: new AdamW(),
      drawBatch: randomTokenBatches(sequence, { batchSize: 4, sequenceLength: 10, seed: 1 }),
      learningRate: () => 0.01,
      steps: 5,
      saveEvery: 1,
      save: (step) => {
        saved.push(step);
        values.push(Array.from(model.variables['table']!.dataSync()));
        return Promise.resolve();
      },
    });
    await expect(failure).rejects.toThrow('Training diverged at step 3: the loss is NaN, expected a finite number.');
    await expect(failure).rejects.toBeInstanceOf(DivergedError);
    expect(saved).toEqual([1, 2]);
    expect(Array.from(model.variables['table']!.dataSync())).toEqual(values[1]);
  });

  it('stops at a gradient that is no number', async () => {
    const weight = tf.variable(tf.scalar(0));
    const model: Trainable<Batch> = {
      variables: { weight },
      // The loss is 0, its derivative 1 / (2 sqrt(0)) is not.
      loss: () => ({ loss: tf.sqrt(weight).asScalar() }),
    };
    const failure = train({
      model,
      optimizer: new AdamW(),
      drawBatch: () => ({}),
      learningRate: () => 0.01,
      steps: 1,
    });
    await expect(failure).rejects.toThrow(/diverged at step 1: the gradient norm is (Infinity|NaN) \(that of weight\)/);
  });

  it('leaves out an update that is not finite where it is told to, and nothing behind', async () => {
    const [weight, other] = [tf.variable(tf.scalar(1)), tf.variable(tf.scalar(1))];
    const bad = new Set([2, 3]);
    let calls = 0;
    const model: Trainable<Batch> = {
      variables: { weight, other },
      loss: () => {
        calls++;
        return { loss: tf.add(tf.mul(weight, bad.has(calls) ? 1e38 : 1).square(), other).asScalar() };
      },
    };
    const told: unknown[] = [];
    const records: [number, boolean | undefined][] = [];
    const optimizer = new AdamW();
    const run = () =>
      train({
        model,
        optimizer,
        drawBatch: () => ({}),
        learningRate: () => 0.01,
        steps: 4,
        onDivergence: (divergence) => {
          told.push(divergence);
          return 'skip';
        },
        onStep: ({ step, skipped }) => void records.push([step, skipped]),
      });
    expect(await run()).toEqual({ step: 4, finished: true });
    expect(told).toEqual([2, 3].map((step) => ({ step, quantity: 'loss', value: Infinity, parameters: [] })));
    expect(records).toEqual([
      [1, undefined],
      [2, true],
      [3, true],
      [4, undefined],
    ]);
    expect(optimizer.stepCount).toBe(2);
    const before = tf.memory().numTensors;
    calls = 0;
    await run();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('evaluate', () => {
  it('is the mean over all tokens, whatever the batches', async () => {
    const model = bigramModel(vocabSize);
    const shape = { sequenceLength: 10 };
    const one = await evaluate(model, sequentialTokenBatches(sequence, { ...shape, batchSize: 1 }));
    const eight = await evaluate(model, sequentialTokenBatches(sequence, { ...shape, batchSize: 8 }));
    expect(one.weight).toBe(199);
    expect(eight.weight).toBe(199);
    expect(eight.loss).toBeCloseTo(one.loss, 5);
    expect(eight).toEqual(await evaluate(model, sequentialTokenBatches(sequence, { ...shape, batchSize: 8 })));
  });

  it('leaves no tensor behind', async () => {
    const model = bigramModel(vocabSize);
    const before = tf.memory().numTensors;
    await evaluate(model, sequentialTokenBatches(sequence, { sequenceLength: 10, batchSize: 4 }));
    expect(tf.memory().numTensors).toBe(before);
  });
});
