import { globalNorm } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { StoredTensors } from '../checkpoint/loadCheckpoint.js';
import { describeRanks, withRanks } from '../testing/openRanks.js';
import { reduceStep } from '../train/reduceStep.js';
import { gatherSharded } from './gatherSharded.js';
import { GradientReducer } from './GradientReducer.js';
import type { RankGroups } from './RankGroups.js';
import { shardStored } from './shardStored.js';

const placement = {
  isSharded: (name: string) => name.startsWith('experts.'),
  slicedAxis: (name: string) => ({ columns: 1, rows: 0, 'experts.w': 2 })[name],
};
const whole: StoredTensors = Object.fromEntries(
  Object.entries({ columns: [3, 4], rows: [4, 2], norm: [3], 'experts.w': [6, 2, 4], 'experts.b': [6, 2] }).map(
    ([name, shape], n) => {
      const size = shape.reduce((all, extent) => all * extent, 1);
      return [name, { dtype: 'F32', shape, data: Float32Array.from({ length: size }, (_, i) => 100 * n + i) }];
    },
  ),
);
const ofStored = (stored: StoredTensors) =>
  Object.fromEntries(
    Object.entries(stored).map(([name, { data, shape }]) => [name, tf.tensor(data as Float32Array, shape)]),
  );
const placeOf = ({ experts, expertShards: shards, tensor }: RankGroups) => ({
  ...placement,
  ...{ rank: experts.rank, size: experts.size, shards },
  ...(tensor && { tensor: { rank: tensor.rank, size: tensor.size } }),
});

describeRanks('slices of parameters', () => {
  it.each([
    { tensorParallel: 2, expertParallel: 4, expertShards: 2 },
    { tensorParallel: 2, expertParallel: 2 },
    { tensorParallel: 2, expertParallel: 4 },
    { expertParallel: 4, expertShards: 4 },
  ])('are cut from what a checkpoint has and put together again: %p', async (factors) => {
    await withRanks(4, {
      ...factors,
      use: async (all) => {
        const gathered = await Promise.all(
          all.map(async (groups) => {
            const own = ofStored(shardStored(whole, placeOf(groups)));
            const { experts, expertShards: shards, tensor } = groups;
            const joined = await gatherSharded(own, { ...placement, group: experts, shards, tensor });
            tf.dispose(own);
            return joined;
          }),
        );
        for (const [name, { data, shape }] of Object.entries(whole)) {
          const tensor = gathered[0]![name]!;
          expect([name, tensor.shape, tensor.dataSync()]).toEqual([name, shape, data]);
        }
        tf.dispose(gathered);
      },
    });
  });

  it('have gradients and a length that count each of them once', async () => {
    await withRanks(4, {
      tensorParallel: 2,
      expertParallel: 4,
      expertShards: 2,
      use: async (all) => {
        const results = await Promise.all(
          all.map(async (groups) => {
            const reducer = new GradientReducer(groups, placement);
            // What the ranks with data of their own find adds up to twice the whole, of which the mean is the whole.
            const own = ofStored(shardStored(whole, placeOf(groups)));
            for (const [name, tensor] of Object.entries(own)) {
              // The tokens of both were at the experts.
              const factor = placement.isSharded(name) ? 2 : 0.5 + groups.data.rank;
              reducer.add(name, tf.mul(tensor, factor));
            }
            const grads = await reducer.finish();
            const share = { loss: tf.scalar(groups.data.rank), metrics: {}, grads };
            const { gradientNorm, loss } = await reduceStep(share, {
              ...{ ...placement, groups, stop: false, norm: globalNorm },
              seconds: undefined,
            });
            const off = Object.entries(own).map(([name, tensor]) => tf.max(tf.abs(tf.sub(tensor, grads[name]!))));
            return { gradientNorm, loss, off: off.map((each) => each.dataSync()[0]) };
          }),
        );
        const squares = Object.values(whole).flatMap(({ data }) => [...(data as Float32Array)].map((x) => x * x));
        const length = Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
        for (const { gradientNorm, loss, off } of results) {
          expect(gradientNorm / length).toBeCloseTo(1, 6);
          expect([loss, off]).toEqual([0.5, [0, 0, 0, 0, 0]]);
        }
      },
    });
  });

  it('are refused where the ranks can not have them', async () => {
    const stored = { columns: whole['columns']! };
    const wrong = { ...placement, rank: 0, size: 1, tensor: { rank: 0, size: 3 } };
    expect(() => shardStored(stored, wrong)).toThrow('columns: expected a size on axis 1 that 3 ranks divide, got 4.');
    const refused = (factors: object) => withRanks(2, { ...factors, use: () => Promise.resolve() });
    await expect(refused({ tensorParallel: 3 })).rejects.toThrow(
      'tensorParallel: expected a divisor of the number of ranks, 2, got 3.',
    );
    await expect(refused({ tensorParallel: 2, expertParallel: 1 })).rejects.toThrow(
      'expertParallel: expected a multiple of the 2 ranks of a tensor-parallel group, got 1.',
    );
    await expect(refused({ expertShards: 4 })).rejects.toThrow(
      'expertShards: expected a divisor of the 2 ranks that share the experts, got 4.',
    );
  });
});
