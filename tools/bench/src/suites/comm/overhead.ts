import { onLoopback, type Program } from '../../ranks/contenders.js';
import { RankGroup } from '../../ranks/RankGroup.js';
import { median } from '../../statistics.js';
import { table } from '../../table.js';

const operations = ['allReduce', 'allToAll'];
const sizes = [8, 4096, 65_536];

interface Latencies {
  starting: number[];
  whole: number[];
}

/** What small collectives cost over loopback: until the call returns, and until the result is there. */
export async function overheadSuite(
  programs: readonly Program[],
  { rounds, calls = 300 }: { rounds: number; calls?: number },
): Promise<string> {
  const groups = new Map<string, RankGroup>();
  for (const program of programs) groups.set(program.name, await RankGroup.start(await onLoopback(program, 2)));
  const rows: string[][] = [];
  for (const operation of operations) {
    for (const size of sizes) {
      const found = new Map<string, Latencies>([...groups.keys()].map((name) => [name, { starting: [], whole: [] }]));
      for (let round = 0; round <= rounds; round++) {
        for (const [name, group] of groups) {
          const [answer] = await group.ask<Latencies>(`${operation} ${size} ${calls}`);
          if (round === 0) continue;
          found.get(name)!.starting.push(...answer!.starting);
          found.get(name)!.whole.push(...answer!.whole);
        }
      }
      for (const [name, { starting, whole }] of found) {
        const slowest = [...whole].sort((x, y) => x - y)[Math.floor(0.99 * whole.length)]!;
        rows.push([
          operation,
          `${size} B`,
          name,
          `${median(starting).toFixed(1)} us`,
          `${median(whole).toFixed(0)} us`,
          `${slowest.toFixed(0)} us`,
        ]);
      }
    }
  }
  for (const group of groups.values()) await group.stop();
  return table(['operation', 'per rank', 'who', 'start', 'start to result', '99 of 100 below'], rows);
}
