import type { NetworkLab } from '@scmoe/netlab';

import { alternate } from '../../alternate.js';
import { RankGroup } from '../../ranks/RankGroup.js';
import type { Program } from '../../ranks/contenders.js';
import { median } from '../../statistics.js';
import { table } from '../../table.js';
import { bitsPerSecond, MiB } from '../../units.js';

/** Share of a rank's data that crosses the link, with two ranks: see workers/rank.ts. */
const operations = [
  { question: 'even', title: 'all-to-all', crossing: 1 / 2 },
  { question: 'uneven', title: 'all-to-all-v', crossing: 3 / 4 },
];

/** What is left of a frame of 1514 bytes, which tbf charges, after Ethernet (14), IPv4 (20) and TCP with timestamps (32). */
const payloadShare = 1448 / 1514;

/**
 * All-to-all between two ranks of a lab: time, and the rate that the data reaches as a share of the link's rate and of what
 * headers leave of it. The token bucket lends its burst to short exchanges, which may so come out above 100 %.
 */
export async function exchangeSuite(
  lab: NetworkLab,
  programs: readonly Program[],
  { rates, sizes, rounds }: { rates: readonly string[]; sizes: readonly number[]; rounds: number },
): Promise<string> {
  const groups = new Map<string, RankGroup>();
  for (const { name, command, args } of programs) {
    groups.set(name, await RankGroup.start([0, 1].map((rank) => lab.wrap(rank, command, args))));
  }
  const rows: string[][] = [];
  for (const rate of rates) {
    lab.setRate(rate);
    for (const { question, title, crossing } of operations) {
      for (const size of sizes) {
        const timed = [...groups].map(([name, group]) => ({ name, run: () => group.time(`${question} ${size}`) }));
        await alternate(timed, 1);
        const seconds = await alternate(timed, rounds);
        const ideal = (size * crossing * 8) / bitsPerSecond(rate);
        const first = median([...seconds.values()][0]!);
        for (const [name, own] of seconds) {
          const time = median(own);
          rows.push([
            rate,
            title,
            `${size / MiB} MiB`,
            name,
            `${(time * 1000).toFixed(1)} ms`,
            `${(Math.min(...own) * 1000).toFixed(1)} to ${(Math.max(...own) * 1000).toFixed(1)} ms`,
            `${((100 * ideal) / time).toFixed(1)} %`,
            `${((100 * ideal) / payloadShare / time).toFixed(1)} %`,
            `${(time / first).toFixed(2)}x`,
          ]);
        }
      }
    }
  }
  const versions = [...groups.values()].map(({ version }) => version).join(', ');
  for (const group of groups.values()) await group.stop();
  const header = [
    'link',
    'operation',
    'per rank',
    'who',
    'median',
    'fastest to slowest',
    'of the link',
    'of its payload',
    'time / ours',
  ];
  return `${versions}\n\n${table(header, rows)}`;
}
