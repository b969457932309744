import { UserError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import {
  createMadTask,
  inContextRecall,
  MacroAccuracy,
  madSamples,
  madSettings,
  madTaskNames,
  madTestBatches,
  madTrainingBatches,
  memorization,
} from '../../index.js';

const rows = (tensor: tf.Tensor2D) => tensor.arraySync();

describe.each(madTaskNames)('%s', (name) => {
  const task = createMadTask(name);

  it('draws sample n from the seed, the split and n alone', () => {
    const ten = madSamples(task, { split: 'train', seed: 1, count: 10 });
    expect(madSamples(task, { split: 'train', seed: 1, first: 4, count: 6 })).toEqual(ten.slice(4));
    expect(madSamples(task, { split: 'train', seed: 2, count: 10 })).not.toEqual(ten);
  });

  it('has no test sample among the training samples', () => {
    const text = (split: 'train' | 'test') =>
      madSamples(task, { split, seed: 1, count: 300 }).map(({ ids }) => ids.join());
    const train = new Set(text('train'));
    expect(text('test').filter((ids) => train.has(ids))).toEqual([]);
    expect(train.size).toBe(300);
  });

  it('can be made in each setting of the benchmark', () => {
    for (const options of madSettings(name)) {
      const { sampler, inputLength, vocabSize } = createMadTask(name, options);
      const [sample] = madSamples({ ...task, sampler }, { split: 'test', seed: 1, count: 1 });
      expect(sample!.ids).toHaveLength(inputLength);
      expect(sample!.targets).toHaveLength(inputLength);
      expect(Math.max(...sample!.ids, ...sample!.targets)).toBeLessThan(vocabSize);
    }
  });
});

describe('madSettings', () => {
  it('has the baseline and each knob alone: 66 settings', () => {
    expect(madTaskNames.map((name) => madSettings(name).length)).toEqual([11, 11, 14, 13, 11, 6]);
    for (const name of madTaskNames) {
      const [baseline, ...harder] = madSettings(name);
      expect(baseline).toEqual({});
      expect(harder.every((options) => Object.keys(options).length === 1)).toBe(true);
    }
  });
});

describe('madTrainingBatches', () => {
  const task = inContextRecall({ numTrainingSamples: 20, sequenceLength: 16 });

  it('goes through all samples in each epoch, in another order each time', () => {
    const { drawBatch, batchesPerEpoch } = madTrainingBatches(task, { batchSize: 5, seed: 3 });
    expect(batchesPerEpoch).toBe(4);
    const epoch = (n: number) => [0, 1, 2, 3].flatMap((i) => rows(drawBatch(4 * n + i).ids).map((row) => row.join()));
    const all = madSamples(task, { split: 'train', seed: 3, count: 20 }).map(({ ids }) => ids.join());
    expect(epoch(0).sort()).toEqual([...all].sort());
    expect(epoch(1)).not.toEqual(epoch(0));
    expect(epoch(1).sort()).toEqual([...all].sort());
  });

  it('makes batch n a function of the seed and n alone', () => {
    const first = madTrainingBatches(task, { batchSize: 5, seed: 3 });
    for (let i = 0; i < 6; i++) first.drawBatch(i);
    const again = madTrainingBatches(task, { batchSize: 5, seed: 3 });
    expect(rows(again.drawBatch(6).targets)).toEqual(rows(first.drawBatch(6).targets));
    expect(rows(again.drawBatch(2).targets)).toEqual(rows(first.drawBatch(2).targets));
  });

  it('keeps ids and targets together, as int32', () => {
    const { ids, targets } = madTrainingBatches(task, { batchSize: 5, seed: 3 }).drawBatch(0);
    expect([ids.dtype, targets.dtype]).toEqual(['int32', 'int32']);
    expect(ids.shape).toEqual([5, 15]);
    expect(rows(targets).map((row) => row.slice(0, -1))).toEqual(rows(ids).map((row) => row.slice(1)));
  });

  it('refuses a batch larger than the data', () => {
    const draw = () => madTrainingBatches(task, { seed: 3 });
    expect(draw).toThrow(UserError);
    expect(draw).toThrow('numTrainingSamples: expected a whole number of at least 128 (batchSize), got 20.');
  });
});

describe('madTestBatches', () => {
  it('gives every test sample once, the rest as a smaller batch', () => {
    const batches = [...madTestBatches(memorization(), { numSamples: 10, batchSize: 4, seed: 3 })];
    expect(batches.map(({ ids }) => ids.shape[0])).toEqual([4, 4, 2]);
    const expected = madSamples(memorization(), { split: 'test', seed: 3, count: 10 }).map(({ ids }) => [...ids]);
    expect(batches.flatMap(({ ids }) => rows(ids))).toEqual(expected);
  });

  it('refuses an empty batch', () => {
    expect(() => [...madTestBatches(memorization(), { batchSize: 0, seed: 3 })]).toThrow(
      'batchSize: expected a whole number of at least 1, got 0.',
    );
  });
});

describe('MacroAccuracy', () => {
  it('is the mean over ids of the share that was right, over several batches', () => {
    const accuracy = new MacroAccuracy(5);
    accuracy.add([0, 0, 1, 4], [0, 0, 0, -100]);
    accuracy.add([0, 1], [0, 2]);
    // Id 0: 3 of 4. Id 2: 0 of 1. Id 1 was predicted, never asked for. Ids 3 and 4 do not occur.
    expect(accuracy.value()).toBeCloseTo((0.75 + 0 + 0) / 3, 12);
  });

  it('is 1 where every counted target is right, whatever the others', () => {
    const accuracy = new MacroAccuracy(3);
    accuracy.add([2, 1, 1], [2, -100, 1]);
    expect(accuracy.value()).toBe(1);
  });

  it('refuses predictions without targets', () => {
    expect(() => new MacroAccuracy(3).add([1, 2], [1])).toThrow('predictions: expected 1, one for each target, got 2');
  });
});
