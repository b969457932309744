import { fileURLToPath } from 'node:url';

import { alternate } from '../alternate.js';
import { Contender } from '../Contender.js';
import { median } from '../statistics.js';
import { table } from '../table.js';

const worker = fileURLToPath(new URL('./workers/gptStep.js', import.meta.url));

/** The same model in plain TF.js ops on TF.js's own backends: step time, kernel calls, peak memory. One thread each. */
export async function enginesSuite({ rounds = 3 } = {}): Promise<string> {
  // A tenth of the step benchmark's work: the JavaScript backend needs minutes for the whole of it.
  const size = ['--layers', '4', '--d', '128', '--heads', '4', '--sequence', '128', '--batch', '4', '--vocab', '256'];
  const contenders = new Map<string, Contender>();
  for (const backend of ['scmoe', 'wasm', 'cpu']) {
    contenders.set(backend, await Contender.start(process.execPath, [worker, '--backend', backend, ...size]));
  }
  const memory = new Map<string, number>();
  const calls = new Map<string, number>();
  const seconds = await alternate(
    [...contenders].map(([name, contender]) => ({
      name,
      run: async () => {
        const done = await contender.run(1);
        memory.set(name, done.peakBytes!);
        calls.set(name, done.kernelCalls!);
        return done.seconds;
      },
    })),
    rounds,
  );
  const ours = median(seconds.get('scmoe')!);
  const rows = [...contenders.keys()].map((name) => {
    contenders.get(name)!.stop();
    const time = median(seconds.get(name)!);
    return [
      name,
      `${(time * 1000).toFixed(0)} ms`,
      `${(time / ours).toFixed(1)}x`,
      String(calls.get(name)),
      `${(memory.get(name)! / 2 ** 20).toFixed(0)} MiB`,
    ];
  });
  return table(['backend', 'step', 'time / ours', 'kernel calls a step', 'peak memory'], rows);
}
