import { AdamW } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { StoredTensors } from '../checkpoint/loadCheckpoint.js';
import { randomTokenBatches, sequentialTokenBatches, type TokenBatch } from '../data/tokenBatches.js';
import { bigramModel } from '../testing/bigramModel.js';
import { numExperts, shardedBatch, shardedModel } from '../testing/shardedModel.js';
import { describeRanks, withRanks } from '../testing/openRanks.js';
import { evaluate } from '../train/evaluate.js';
import { type StepRecord, train, type TrainOptions } from '../train/train.js';
import type { Batch } from '../train/Trainable.js';
import { checkAgreement } from './checkAgreement.js';
import { gatherSharded } from './gatherSharded.js';
import { GradientReducer } from './GradientReducer.js';
import type { RankGroups } from './RankGroups.js';
import { checkAccumulate, shareOf } from './shareOf.js';
import { shardStored } from './shardStored.js';

const isSharded = (name: string) => name.includes('experts.');
const vocabSize = 6;
/** The same float32 numbers, summed in another order. */
function expectClose(actual: number[], expected: number[]): void {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
}

const sequence = { ids: Uint16Array.from({ length: 230 }, (_, i) => (i * i) % vocabSize), numBytes: 230 };

describe('shareOf', () => {
  it.each([1, 2, 3, 6])('gives every micro-batch of a step to one of %i ranks', (size) => {
    const all = Array.from({ length: size }, (_, rank) => shareOf(4, { accumulate: 6, rank, size })).flat();
    expect(all.sort((a, b) => a - b)).toEqual([24, 25, 26, 27, 28, 29]);
  });

  it('wants a multiple of the ranks', () => {
    expect(() => checkAccumulate(1e12, 1)).toThrow(
      'accumulate: expected at most 1048576 micro-batches of an update, got 1000000000000.',
    );
    expect(() => checkAccumulate(3, 2)).toThrow(
      'accumulate: expected a multiple of the 2 ranks, to which the micro-batches of an update are shared out, got 3.',
    );
  });
});

describe('shardStored', () => {
  it('names what can not be shared out', () => {
    const stored: StoredTensors = { 'experts.w1': { dtype: 'F32', shape: [3, 1], data: new Float32Array(3) } };
    expect(() => shardStored(stored, { rank: 0, size: 4, isSharded })).toThrow(
      'experts.w1: expected at least one expert for each of 4 ranks, got 3',
    );
  });
});

describeRanks('several ranks', () => {
  it('form groups: neighbours share experts, and every so many ranks hold the same', async () => {
    const members = await withRanks(4, {
      expertParallel: 2,
      use: (groups) =>
        Promise.all(
          groups.map(async ({ world, experts, replicas }) => {
            const own = Int32Array.of(world.rank);
            return [[...(await experts.allGather(own).done)], [...(await replicas.allGather(own).done)]];
          }),
        ),
    });
    expect(members).toEqual([
      [
        [0, 1],
        [0, 2],
      ],
      [
        [0, 1],
        [1, 3],
      ],
      [
        [2, 3],
        [0, 2],
      ],
      [
        [2, 3],
        [1, 3],
      ],
    ]);
  });

  it('can not be cut into groups of a size that does not divide them', async () => {
    const outcome = withRanks(2, { expertParallel: 3, use: () => Promise.resolve() });
    await expect(outcome).rejects.toThrow('expertParallel: expected a divisor of the number of ranks, 2, got 3.');
  });

  const reductions = [
    { expertParallel: 4, bucketBytes: 8 },
    { expertParallel: 2, bucketBytes: 2 ** 20 },
    { expertParallel: 1, bucketBytes: 20 },
  ];
  it.each(reductions)('average gradients: %o', async ({ expertParallel, bucketBytes }) => {
    const before = tf.memory().numTensors;
    const reduced = await withRanks(4, {
      expertParallel,
      use: (groups) =>
        Promise.all(
          groups.map(async (own) => {
            const reducer = new GradientReducer(own, { isSharded, bucketBytes });
            const { rank } = own.world;
            const gradients = {
              'a.weight': tf.tensor2d([rank, 2, 3, 4], [2, 2]),
              'experts.w1': tf.tensor1d([10 ** rank, 1]),
              'b.bias': tf.scalar(rank),
            };
            for (const [name, gradient] of Object.entries(gradients)) reducer.add(name, gradient);
            tf.dispose(gradients);
            const result = await reducer.finish();
            const values = Object.fromEntries(
              Object.entries(result).map(([name, x]) => [name, [x.shape, [...x.dataSync()]]]),
            );
            tf.dispose(result);
            return values;
          }),
        ),
    });
    reduced.forEach((values, rank) => {
      expect(values['a.weight']).toEqual([
        [2, 2],
        [1.5, 2, 3, 4],
      ]);
      expect(values['b.bias']).toEqual([[], [1.5]]);
      // Ranks with the same experts: every expertParallel-th one.
      const replicas = [0, 1, 2, 3].filter((other) => other % expertParallel === rank % expertParallel);
      const sum = replicas.reduce((total, other) => total + 10 ** other, 0);
      expect(values['experts.w1']).toEqual([[2], [sum / 4, replicas.length / 4]]);
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('put together what was shared out, bit for bit, whatever their number', async () => {
    const data = Float32Array.from({ length: 4 * 6 }, (_, i) => Math.fround(Math.sin(i) * 10 ** (i % 7)));
    const stored: StoredTensors = {
      'block0.experts.w1': { dtype: 'F32', shape: [4, 2, 3], data },
      'm.block0.experts.w1': { dtype: 'F32', shape: [4, 6], data: data.slice().reverse() },
      'head.weight': { dtype: 'F32', shape: [5], data: data.slice(0, 5) },
    };
    // Three ranks have unequal shares of the four entries.
    for (const size of [2, 3, 4]) {
      const whole = await withRanks(size, {
        use: (groups) =>
          Promise.all(
            groups.map(async ({ experts }) => {
              const own = shardStored(stored, { rank: experts.rank, size, isSharded });
              const tensors = Object.fromEntries(
                Object.entries(own).map(([name, { data, shape }]) => [name, tf.tensor(data as Float32Array, shape)]),
              );
              const gathered = await gatherSharded(tensors, { group: experts, isSharded });
              tf.dispose(tensors);
              return gathered;
            }),
          ),
      });
      for (const [name, { shape, data }] of Object.entries(stored)) {
        expect(whole[0]![name]!.shape).toEqual(shape);
        expect(whole[0]![name]!.dataSync()).toEqual(data);
      }
      expect(whole.slice(1)).toEqual(Array(size - 1).fill({}));
      tf.dispose(whole);
    }
  });

  it('notice that they start from different things, all of them, and who differs', async () => {
    const outcomes = await withRanks(3, {
      use: (groups) =>
        Promise.all(
          groups.map(({ world }) =>
            checkAgreement(world, { 'the settings': 'same', 'the data': world.rank === 1 ? 'other' : 'same' }).then(
              () => 'agreed',
              (error: Error) => error.message,
            ),
          ),
        ),
    });
    expect(outcomes).toEqual(
      Array(3).fill('the data: expected the same on all ranks, got another on rank 1 than on rank 0.'),
    );
  });

  it.each([
    { batchSize: 4, maxBatches: 0 },
    { batchSize: 3, maxBatches: 4 },
    { batchSize: 100, maxBatches: 0 },
  ])('evaluate together what one evaluates alone: %o', async ({ batchSize, maxBatches }) => {
    const model = bigramModel(vocabSize);
    const batches = () => sequentialTokenBatches(sequence, { batchSize, sequenceLength: 10, maxBatches });
    const alone = await evaluate(model, batches());
    const results = await withRanks(2, {
      use: (groups) => Promise.all(groups.map(({ world }) => evaluate(model, batches(), { world }))),
    });
    for (const { loss, metrics, weight } of results) {
      expect(weight).toBe(alone.weight);
      expect(loss).toBeCloseTo(alone.loss, 5);
      expect(metrics['crossEntropy']).toBeCloseTo(alone.metrics['crossEntropy']!, 5);
    }
    expect(results[1]).toEqual(results[0]);
    model.dispose();
  });

  describe('train', () => {
    type Change = Omit<Partial<TrainOptions<TokenBatch>>, 'optimizer'>;
    const draw = randomTokenBatches(sequence, { batchSize: 2, sequenceLength: 10, seed: 1 });
    const options = (records: StepRecord[], change: Change = {}): TrainOptions<TokenBatch> & { optimizer: AdamW } => ({
      model: bigramModel(vocabSize, { noise: 0.1 }),
      optimizer: new AdamW({ weightDecay: 0 }),
      drawBatch: draw,
      learningRate: () => 0.05,
      steps: 20,
      accumulate: 4,
      clip: 0.3,
      onStep: (record: StepRecord) => void records.push(record),
      ...change,
    });
    const run = (size: number, change: (groups: RankGroups) => Change = () => ({})) =>
      withRanks(size, {
        use: (groups) =>
          Promise.all(
            groups.map(async (own) => {
              const records: StepRecord[] = [];
              const all = options(records, { groups: own, ...change(own) });
              const result = await train(all);
              const table = all.model.variables['table']!.dataSync();
              tf.dispose(all.model.variables);
              all.optimizer.dispose();
              return { records, result, table };
            }),
          ),
      });

    it.each([2, 4])('as one rank does: %i ranks', async (size) => {
      const records: StepRecord[] = [];
      const alone = options(records);
      await train(alone);
      const ranks = await run(size);
      for (const own of ranks) {
        expect(own.records.map(({ step }) => step)).toEqual(records.map(({ step }) => step));
        own.records.forEach(({ loss, gradientNorm }, i) => {
          // The same float32 numbers, summed in another order.
          expect(loss).toBeCloseTo(records[i]!.loss, 5);
          expect(gradientNorm).toBeCloseTo(records[i]!.gradientNorm, 5);
        });
        expect(own.table).toEqual(ranks[0]!.table);
      }
      const expected = alone.model.variables['table']!.dataSync();
      ranks[0]!.table.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 4));
      tf.dispose(alone.model.variables);
    });

    it.each([1, 2, 4])(
      'experts that are sharded over groups of %i as one rank trains them all',
      async (expertParallel) => {
        const trainExperts = async (groups?: RankGroups) => {
          const records: StepRecord[] = [];
          const experts = groups?.experts ?? { rank: 0, size: 1 };
          const model = shardedModel(experts);
          const optimizer = new AdamW({ weightDecay: 0 });
          const all: TrainOptions<Batch> = {
            model,
            optimizer,
            drawBatch: (n) => shardedBatch(n, experts.size),
            learningRate: () => 0.05,
            steps: 5,
            accumulate: 4,
            clip: 0.5,
            onStep: (record: StepRecord) => void records.push(record),
            isSharded,
            ...(groups && { groups }),
          };
          await train(all);
          const values = Object.values(model.variables).map((variable) => [...variable.dataSync()]);
          tf.dispose(model.variables);
          optimizer.dispose();
          return { records, own: values[0]!, shared: values[1]! };
        };
        const alone = await trainExperts();
        const ranks = await withRanks(4, { expertParallel, use: (groups) => Promise.all(groups.map(trainExperts)) });
        const ofEach = numExperts / expertParallel;
        ranks.forEach(({ records, own, shared }, rank) => {
          const first = (rank % expertParallel) * ofEach;
          expectClose(own, alone.own.slice(first, first + ofEach));
          expectClose(shared, alone.shared);
          // Every expert counts once, wherever it lies.
          expectClose(
            records.map(({ gradientNorm }) => gradientNorm),
            alone.records.map(({ gradientNorm }) => gradientNorm),
          );
        });
      },
    );

    it('the same way each time, bit for bit', async () => {
      const [first, second] = [await run(2), await run(2)];
      const numbers = ({ records }: (typeof first)[number]) =>
        records.map(({ loss, gradientNorm }) => [loss, gradientNorm]);
      expect(numbers(second[0]!)).toEqual(numbers(first[0]!));
      expect(second[0]!.table).toEqual(first[0]!.table);
    });

    it('until one of them is asked to stop: all stop after the same step', async () => {
      const controller = new AbortController();
      const ranks = await run(2, ({ world }) => ({
        ...(world.rank === 1 && { signal: controller.signal }),
        onStep: ({ step }) => void (world.rank === 1 && step === 3 && controller.abort()),
      }));
      const steps = ranks.map(({ result }) => result);
      expect(steps[0]).toEqual(steps[1]);
      expect(steps[0]!.finished).toBe(false);
      expect(steps[0]!.step).toBeGreaterThanOrEqual(3);
      expect(steps[0]!.step).toBeLessThan(20);
    });

    it('not with micro-batches that the ranks can not share out', async () => {
      await expect(run(2, () => ({ accumulate: 3 }))).rejects.toThrow('expected a multiple of the 2 ranks');
    });
  });
});
