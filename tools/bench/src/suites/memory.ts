import { fileURLToPath } from 'node:url';

import { alternate } from '../alternate.js';
import { Contender } from '../Contender.js';
import { median, spread } from '../statistics.js';
import { table } from '../table.js';

/** Options of `memorySuite`. */
export interface MemorySuiteOptions {
  rounds?: number;
  threads?: string;
  /** Lengths of the sequences. */
  sequences?: readonly number[];
}

/** What a step keeps, and in what the optimizer does. */
const ways = [
  { name: 'off', args: ['--recompute', 'off'] },
  { name: 'selective', args: ['--recompute', 'selective'] },
  { name: 'selective, bfloat16 moments', args: ['--recompute', 'selective', '--moments', 'bfloat16'] },
  { name: 'block', args: ['--recompute', 'block'] },
];

/** Tokens of a step; a longer sequence is a step of its own. */
const tokens = 2048;

/**
 * Time and memory of a training step of the benchmark GPT, with what a backward pass computes again: nothing, the inside of
 * operators, blocks. The ways take turns.
 */
export async function memorySuite({
  rounds = 5,
  threads = '1',
  sequences = [256, 512, 1024, 2048, 4096, 8192],
}: MemorySuiteOptions): Promise<string> {
  const worker = fileURLToPath(new URL('./workers/gptStep.js', import.meta.url));
  const rows: string[][] = [];
  for (const sequence of sequences) {
    const batch = Math.max(1, Math.floor(tokens / sequence));
    const contenders = new Map<string, Contender>();
    for (const { name, args: way } of ways) {
      const sizes = ['--sequence', String(sequence), '--batch', String(batch)];
      const args = [worker, '--threads', threads, ...way, ...sizes];
      contenders.set(name, await Contender.start(process.execPath, args));
    }
    const timed = [...contenders].map(([name, contender]) => ({
      name,
      run: async () => (await contender.run(1)).seconds,
    }));
    const seconds = await alternate(timed, rounds);
    const own: string[][] = [];
    let whole: { seconds: number; peakBytes: number; activations: number } | undefined;
    for (const [mode, contender] of contenders) {
      const { peakBytes = 0, heldBytes = 0, peakTensorBytes = 0 } = await contender.run(1);
      contender.stop();
      const time = median(seconds.get(mode)!);
      const activations = peakTensorBytes - heldBytes;
      whole ??= { seconds: time, peakBytes, activations };
      own.push([
        `${sequence} x ${batch}`,
        mode,
        `${(time * 1000).toFixed(0)} ms`,
        `± ${(spread(seconds.get(mode)!) * 100).toFixed(0)} %`,
        `${(time / whole.seconds).toFixed(2)}x`,
        mib(peakBytes),
        `${(peakBytes / whole.peakBytes).toFixed(2)}x`,
        mib(peakTensorBytes),
        mib(activations),
        `${(activations / whole.activations).toFixed(2)}x`,
      ]);
    }
    console.log(own.map((row) => row.join('  ')).join('\n'));
    rows.push(...own);
  }
  const header = ['sequence x batch', 'recompute', 'step', 'spread', 'time / off', 'process', 'process / off'];
  return table([...header, 'tensors', 'of the step', 'of the step / off'], rows);
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
