import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { alternate } from '../alternate.js';
import { Contender } from '../Contender.js';
import { median } from '../statistics.js';
import { table } from '../table.js';

/** Options of `pathsSuite`. */
export interface PathsOptions {
  rounds?: number;
  threads?: string;
  precisions?: readonly string[];
  /** Only the cases whose names have one of these words. */
  only?: readonly string[];
}

const paths = ['avx512bf16', 'avx512', 'avx2', 'neon'];
const worker = fileURLToPath(new URL('./workers/smallCases.js', import.meta.url));

/**
 * The same kernels compiled for each instruction set that this CPU has (`npm run build:variants`), in turn within one run: what a
 * machine without the better ones is to expect. Needs no other build.
 */
export async function pathsSuite({
  rounds = 7,
  threads = '1',
  precisions = ['float32', 'bf16'],
  only,
}: PathsOptions = {}): Promise<string> {
  const probe = (isa: string) =>
    spawnSync(process.execPath, [worker, '--threads', threads], {
      env: { ...process.env, SCMOE_ISA: isa },
      input: '\n',
      encoding: 'utf8',
    });
  const here = paths.filter((isa) => probe(isa).status === 0);
  if (here.length === 0) return `left out: ${probe(paths[0]!).stderr.trim().split('\n').at(-1)}`;
  const rows: string[][] = [];
  for (const precision of precisions) {
    const args = [worker, '--threads', threads, '--precision', precision];
    const started = await Promise.all(
      here.map(async (isa) => [isa, await Contender.start(process.execPath, args, { SCMOE_ISA: isa })] as const),
    );
    // A path without bf16 runs in float32, and says so: it has been measured.
    const contenders = started.filter(([, { ready }]) => ready.version.startsWith(precision));
    for (const [number, name] of (contenders[0]?.[1].ready.cases ?? []).entries()) {
      if (only && !only.some((word) => name.includes(word))) continue;
      const seconds = await alternate(
        contenders.map(([isa, contender]) => ({
          name: isa,
          run: async () => (await contender.ask(`time ${number}`)).seconds,
        })),
        rounds,
      );
      const cells = here.map((isa) => {
        const own = seconds.get(isa);
        return own ? `${(1000 * median(own)).toPrecision(3)} ms` : '-';
      });
      rows.push([precision, name, ...cells]);
    }
    for (const [, contender] of started) contender.stop();
  }
  return table(['precision', 'kernel', ...here], rows);
}
