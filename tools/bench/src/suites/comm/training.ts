import { fileURLToPath } from 'node:url';

import type { NetworkLab } from '@scmoe/netlab';

import { alternate } from '../../alternate.js';
import { onLoopback, type Program } from '../../ranks/contenders.js';
import { RankGroup, type RankCommand } from '../../ranks/RankGroup.js';
import { median, spread } from '../../statistics.js';
import { table } from '../../table.js';
import { MiB } from '../../units.js';

const worker = fileURLToPath(new URL('./workers/trainingRank.js', import.meta.url));
const sequencesPerRank = 4;
const tokensPerRank = sequencesPerRank * 256;
const bucketBytes = 4 * MiB;
/** One bucket for everything: it travels when the backward pass is over. */
const oneBucket = 2 ** 31;

interface Answer {
  seconds: number;
  peakBytes: number;
}

const program = (threads: number): Program => ({
  name: 'ScMoE',
  command: process.execPath,
  args: [worker, '--threads', String(threads), '--batch', String(sequencesPerRank)],
});

/** Whole training steps on 1, 2 and 4 ranks of this machine: each rank brings the same number of tokens. */
export async function scalingSuite({ rounds, steps = 2 }: { rounds: number; steps?: number }): Promise<string> {
  const shapes: [ranks: number, threads: number][] = [
    [1, 1],
    [1, 2],
    [2, 1],
    [4, 1],
  ];
  const groups: RankGroup[] = [];
  for (const [ranks, threads] of shapes) groups.push(await RankGroup.start(await onLoopback(program(threads), ranks)));
  const peaks = new Map<string, number>();
  const seconds = await alternate(
    groups.map((group, i) => ({
      name: String(i),
      run: async () => {
        const answers = await group.ask<Answer>(`train ${steps} ${bucketBytes}`);
        peaks.set(String(i), Math.max(...answers.map(({ peakBytes }) => peakBytes)));
        return Math.max(...answers.map((answer) => answer.seconds)) / steps;
      },
    })),
    rounds,
  );
  for (const group of groups) await group.stop();
  const rows = shapes.map(([ranks, threads], i) => {
    const own = seconds.get(String(i))!;
    return [
      String(ranks),
      String(threads),
      `${(median(own) * 1000).toFixed(0)} ms`,
      `± ${(spread(own) * 100).toFixed(0)} %`,
      ((ranks * tokensPerRank) / median(own)).toFixed(0),
      `${(peaks.get(String(i))! / MiB).toFixed(0)} MiB`,
    ];
  });
  return table(['ranks', 'threads a rank', 'step', 'spread', 'tokens/s', 'peak memory a rank'], rows);
}

/** The same step over a link: gradients that travel during the backward pass against one bucket after it. */
export async function bucketsSuite(
  lab: NetworkLab,
  { rates, rounds, steps = 2 }: { rates: readonly string[]; rounds: number; steps?: number },
): Promise<string> {
  const { command, args } = program(1);
  const commands = Array.from({ length: lab.ranks }, (_, rank): RankCommand => lab.wrap(rank, command, args));
  const group = await RankGroup.start(commands);
  const rows: string[][] = [];
  for (const rate of rates) {
    lab.setRate(rate);
    const timed = (bytes: number) => async () => (await group.time(`train ${steps} ${bytes}`)) / steps;
    const seconds = await alternate(
      [
        { name: 'during', run: timed(bucketBytes) },
        { name: 'after', run: timed(oneBucket) },
      ],
      rounds,
    );
    const [during, after] = [median(seconds.get('during')!), median(seconds.get('after')!)];
    const tokens = (time: number) => ((lab.ranks * tokensPerRank) / time).toFixed(0);
    rows.push([
      rate,
      `${(after * 1000).toFixed(0)} ms`,
      `${(during * 1000).toFixed(0)} ms`,
      `${(after / during).toFixed(2)}x`,
      tokens(during),
    ]);
  }
  await group.stop();
  return table(['link', 'after the backward pass', 'during it', 'gain', 'tokens/s'], rows);
}
