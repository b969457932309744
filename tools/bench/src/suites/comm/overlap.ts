import type { NetworkLab } from '@scmoe/netlab';

import { alternate } from '../../alternate.js';
import { ours } from '../../ranks/contenders.js';
import { RankGroup } from '../../ranks/RankGroup.js';
import { median } from '../../statistics.js';
import { table } from '../../table.js';
import { MiB } from '../../units.js';

/** The products take this much longer than the exchange, so that all of it could hide. */
const margin = 1.25;

/**
 * How much of an all-to-all hides behind products on the JavaScript thread: (compute + comm - both) / comm, where `both`
 * is the time of products with an exchange under way. One core a rank: what the exchange costs in CPU work can't hide.
 */
export async function overlapSuite(
  lab: NetworkLab,
  { rates, sizes, rounds }: { rates: readonly string[]; sizes: readonly number[]; rounds: number },
): Promise<string> {
  const group = await RankGroup.start([0, 1].map((rank) => lab.wrap(rank, ours.command, ours.args)));
  const rows: string[][] = [];
  for (const rate of rates) {
    lab.setRate(rate);
    for (const size of sizes) {
      const comm = await typical(() => group.time(`even ${size}`));
      const product = (await typical(() => group.time('compute 20'))) / 20;
      const products = Math.ceil((margin * comm) / product);
      const seconds = await alternate(
        [
          { name: 'compute', run: () => group.time(`compute ${products}`) },
          { name: 'comm', run: () => group.time(`even ${size}`) },
          { name: 'both', run: () => group.time(`overlap ${size} ${products}`) },
        ],
        rounds,
      );
      const of = (name: string) => seconds.get(name)!;
      const hidden = of('both').map((both, i) => (of('compute')[i]! + of('comm')[i]! - both) / of('comm')[i]!);
      const fastest = (name: string) => Math.min(...of(name));
      const atBest = (fastest('compute') + fastest('comm') - fastest('both')) / fastest('comm');
      const ms = (name: string) => `${(median(of(name)) * 1000).toFixed(1)} ms`;
      rows.push([
        rate,
        `${size / MiB} MiB`,
        String(products),
        ms('compute'),
        ms('comm'),
        ms('both'),
        median(hidden).toFixed(2),
        `${Math.min(...hidden).toFixed(2)} to ${Math.max(...hidden).toFixed(2)}`,
        // What else runs on the machine can only add to a time: least so in the fastest rounds.
        atBest.toFixed(2),
      ]);
    }
  }
  await group.stop();
  const header = [
    'link',
    'per rank',
    'products',
    'compute',
    'comm',
    'both',
    'hidden',
    'lowest and highest',
    'of the fastest',
  ];
  return table(header, rows);
}

async function typical(run: () => Promise<number>): Promise<number> {
  const seconds: number[] = [];
  for (let i = 0; i < 5; i++) seconds.push(await run());
  return median(seconds);
}
