import { randomNormal } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { describeRanks, withRanks } from '../testing/openRanks.js';
import { GradientReducer, type GradientPacing } from './GradientReducer.js';
import type { RankGroups } from './RankGroups.js';

const shapes = { a: [37, 11], b: [3], none: [0, 2], c: [5, 5, 5], d: [], e: [2000] };
const isSharded = (name: string) => name.startsWith('experts.');

/** What a rank's reducer gives, with as many parts sent behind each gradient as `releases` says. */
async function reduce(
  groups: RankGroups,
  { partBytes, releases }: { partBytes?: number; releases: readonly number[] },
) {
  let release = (_: number) => 0;
  let bytes = 0;
  const released: number[] = [];
  const pacing: GradientPacing = {
    partBytes: () => partBytes,
    attach: (own) => (release = own),
    averaged: (all) => (bytes = all),
  };
  const before = groups.world.flightRecord().entries.at(-1)?.sequence ?? -1;
  const reducer = new GradientReducer(groups, { isSharded, pacing });
  const all = { ...shapes, 'experts.w1': [4, 2] };
  Object.entries(all).forEach(([name, shape], i) => {
    const gradient = randomNormal(shape, { seed: 7 + i, stream: groups.world.rank });
    reducer.add(name, gradient);
    gradient.dispose();
    released.push(release(releases[i] ?? 0));
  });
  const result = await reducer.finish();
  const entries = groups.world.flightRecord().entries.filter(({ sequence }) => sequence > before);
  const sent = entries.map((entry) => entry.bytes);
  const values = Object.fromEntries(Object.entries(result).map(([name, x]) => [name, [x.shape, [...x.dataSync()]]]));
  tf.dispose(result);
  return { values, sent, released, bytes };
}

describeRanks('gradients that wait', () => {
  it.each([1, 2, 4])('are averaged to the same bits in any parts, sent at any place: %i ranks', async (size) => {
    const before = tf.memory().numTensors;
    await withRanks(size, {
      use: async (groups) => {
        const all = (how: Parameters<typeof reduce>[1]) => Promise.all(groups.map((own) => reduce(own, how)));
        const atOnce = await all({ releases: [] });
        for (const partBytes of [100, 1628]) {
          for (const releases of [[], [1, 1, 9, 0, 2], [99, 99, 99, 99, 99, 99]]) {
            const placed = await all({ partBytes, releases });
            expect(placed.map(({ values }) => values)).toEqual(atOnce.map(({ values }) => values));
            // The same on every rank.
            expect(new Set(placed.map(({ sent }) => sent.join())).size).toBe(1);
            expect(placed[0]!.bytes).toBe(4 * (37 * 11 + 3 + 125 + 1 + 2000));
          }
        }
        const [{ sent, released }] = (await all({ partBytes: 400, releases: [2, 0, 0, 1, 0, 3] })) as [
          Awaited<ReturnType<typeof reduce>>,
        ];
        // Of 1628 bytes four parts are whole; the rest goes at the end in one piece.
        expect(released).toEqual([2, 0, 0, 1, 0, 3, 0]);
        const bytes = 4 * (37 * 11 + 3 + 125 + 1 + 2000);
        if (size > 1) expect(sent).toEqual([400, 400, 400, 400, 400, 400, bytes - 2400]);
      },
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('fail on every rank, in parts or in the rest, where one of them sends other parts', async () => {
    await withRanks(2, {
      use: (groups) =>
        Promise.all(
          groups.map(async (own) => {
            const world = (await own.world.split(0))!;
            const releases = world.rank === 0 ? [1, 1] : [0];
            // Rank 1 has another size of parts: its first message is not rank 0's.
            const how = { partBytes: world.rank === 0 ? 100 : 200, releases };
            await expect(reduce({ ...own, world }, how)).rejects.toThrow(/rank|ranks/);
            await world.close();
          }),
        ),
    });
  });
});
