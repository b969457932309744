import * as tf from '@tensorflow/tfjs';

import { randomTokenBatches, sequentialTokenBatches } from './tokenBatches.js';

const sequence = (length: number) => ({ ids: Uint16Array.from({ length }, (_, i) => i), numBytes: length });
const rows = (tensor: tf.Tensor2D) => tensor.arraySync();

describe('randomTokenBatches', () => {
  const shape = { batchSize: 4, sequenceLength: 8, seed: 3 };

  it('gives windows and the tokens that follow them', () => {
    const { ids, targets } = randomTokenBatches(sequence(100), shape)(0);
    expect(ids.shape).toEqual([4, 8]);
    expect(rows(targets)).toEqual(rows(ids).map((row) => row.map((id) => id + 1)));
  });

  it('makes batch n a function of the seed and n alone', () => {
    const first = randomTokenBatches(sequence(100), shape);
    const again = randomTokenBatches(sequence(100), shape);
    for (let i = 0; i < 5; i++) first(i);
    expect(rows(again(5).ids)).toEqual(rows(first(5).ids));
    expect(rows(again(6).ids)).not.toEqual(rows(again(5).ids));
    expect(rows(randomTokenBatches(sequence(100), { ...shape, seed: 4 })(5).ids)).not.toEqual(rows(again(5).ids));
  });

  it('draws the same rows however they are cut into batches', () => {
    const whole = randomTokenBatches(sequence(100), shape)(1);
    const halves = randomTokenBatches(sequence(100), { ...shape, batchSize: 2 });
    expect([...rows(halves(2).ids), ...rows(halves(3).ids)]).toEqual(rows(whole.ids));
  });

  it('reaches the first and the last token', () => {
    const draw = randomTokenBatches(sequence(12), shape);
    const starts = new Set(Array.from({ length: 20 }, (_, i) => rows(draw(i).ids).map((row) => row[0])).flat());
    expect([...starts].sort()).toEqual([0, 1, 2, 3]);
  });

  it('says how many tokens it needs', () => {
    expect(() => randomTokenBatches(sequence(8), shape)).toThrow(
      'The data is too short: expected at least 9 tokens in the training split (sequence length 8 and the token after it), got 8.',
    );
  });
});

describe('sequentialTokenBatches', () => {
  it('predicts every token once', () => {
    const batches = [...sequentialTokenBatches(sequence(30), { batchSize: 2, sequenceLength: 8 })];
    expect(batches.map(({ weight }) => weight)).toEqual([16, 8, 5]);
    expect(batches.flatMap(({ batch }) => rows(batch.targets).flat())).toEqual(
      Array.from({ length: 29 }, (_, i) => i + 1),
    );
  });

  it('takes a sequence shorter than a window as it is', () => {
    const [only, ...more] = sequentialTokenBatches(sequence(5), { batchSize: 2, sequenceLength: 8, maxBatches: 3 });
    expect([only!.weight, rows(only!.batch.targets), more]).toEqual([4, [[1, 2, 3, 4]], []]);
    const shape = { batchSize: 2, sequenceLength: 8 };
    expect(() => sequentialTokenBatches(sequence(1), shape).next()).toThrow(
      'at least 2 tokens to predict one of them, got 1',
    );
  });

  it('takes fewer batches evenly over the sequence, the same every time', () => {
    const shape = { batchSize: 2, sequenceLength: 4, maxBatches: 2 };
    const starts = [...sequentialTokenBatches(sequence(41), shape)].flatMap(({ batch }) => {
      return rows(batch.ids).map((row) => row[0]);
    });
    expect(starts).toEqual([0, 8, 20, 28]);
  });

  it('takes no more than there is', () => {
    const shape = { batchSize: 2, sequenceLength: 4, maxBatches: 100 };
    expect([...sequentialTokenBatches(sequence(9), shape)].map(({ weight }) => weight)).toEqual([8]);
  });
});
