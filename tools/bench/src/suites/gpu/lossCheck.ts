import type { GptConfig } from '@scmoe/models';
import * as tf from '@tensorflow/tfjs';

import { table } from '../../table.js';
import { GptTraining } from '../compiled/GptTraining.js';
import { gpuConfigurations } from './gpuConfigurations.js';

/** How far a loss may be from that of the CPU, relative to it: sums are in another order, and each step builds on the last. */
const allowed = 1e-3;

/** Trains every configuration by our kernels on the CPU and compiled on the device. @returns a table, and those that differ */
export async function lossCheck({
  steps,
  only,
}: {
  steps: number;
  only: number;
}): Promise<{ text: string; failed: string[] }> {
  const rows: string[][] = [];
  const failed: string[] = [];
  for (const [name, config] of Object.entries(gpuConfigurations).slice(0, only)) {
    let line: string[];
    try {
      const difference = await largestDifference(config, steps);
      const isSame = difference <= allowed; // not where it is NaN
      if (!isSame) failed.push(name);
      line = [name, difference.toExponential(1), isSame ? 'same' : 'DIFFERS'];
    } catch (error) {
      failed.push(name);
      line = [name, '-', (error as Error).message.replaceAll('\n', ' ')];
    }
    rows.push(line);
  }
  return { text: table([`model, ${steps} steps`, 'loss differs by', `of at most ${allowed}`], rows), failed };
}

async function largestDifference(config: GptConfig, steps: number): Promise<number> {
  const size = { name: '', batch: 2, config };
  const expected = await GptTraining.start(size, { name: '', backend: 'scmoe', compiled: false });
  await expected.run(steps);
  tf.disposeVariables();
  const compiled = await GptTraining.start(size, { name: '', backend: 'tensorflow', compiled: true });
  await compiled.run(steps);
  tf.disposeVariables();
  return compiled.losses.reduce((most, loss, i) => {
    const difference = Math.abs(loss - expected.losses[i]!) / Math.abs(expected.losses[i]!);
    return difference <= most ? most : difference;
  }, 0);
}
