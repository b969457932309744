import { onLoopback, type Program } from '../../ranks/contenders.js';
import { RankGroup } from '../../ranks/RankGroup.js';
import { table } from '../../table.js';
import { MiB } from '../../units.js';

interface Memory {
  bytesBefore: number;
  bytesAfter: number;
  bytesNow: number;
  peakBytes: number;
}

/** Resident memory of a rank: what its program takes, what connecting adds, and what stays after large exchanges. */
export async function memorySuite(
  programs: readonly Program[],
  { sizes, bytes = 32 * MiB }: { sizes: readonly number[]; bytes?: number },
): Promise<string> {
  const rows: string[][] = [];
  const mib = (count: number) => `${(count / MiB).toFixed(0)} MiB`;
  for (const size of sizes) {
    for (const program of programs) {
      const group = await RankGroup.start(await onLoopback(program, size));
      for (let i = 0; i < 5; i++) await group.ask(`even ${bytes}`);
      const all = await group.ask<Memory>('memory');
      await group.stop();
      const most = (of: (memory: Memory) => number) => Math.max(...all.map(of));
      rows.push([
        String(size),
        program.name,
        mib(most(({ bytesBefore }) => bytesBefore)),
        mib(most(({ bytesAfter, bytesBefore }) => bytesAfter - bytesBefore)),
        mib(most(({ bytesNow, bytesAfter }) => bytesNow - bytesAfter)),
        mib(most(({ peakBytes }) => peakBytes)),
      ]);
    }
  }
  const data = mib(2 * bytes);
  return table(
    ['ranks', 'who', 'before connecting', 'connecting adds', `exchanging adds (${data} of it the data)`, 'peak'],
    rows,
  );
}
