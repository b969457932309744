// `npm run check:compiled [-- --steps N --threads N --only TEXT]`: trains twelve runs on the backend scmoe and on tensorflow, where steps are
// compiled, with lm-train and vit-train as they are built, and compares their losses step by step. Needs an installed TensorFlow.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { findTensorFlow } from '@scmoe/tensorflow';

import { machineLine } from './machine.js';
import { compareRun } from './suites/compiled/compareRun.js';
import { comparedRuns } from './suites/compiled/compiledRuns.js';
import { table } from './table.js';

/** The largest difference of a step's loss that passes. */
const tolerance = 1e-4;

const { values: options } = parseArgs({
  options: {
    steps: { type: 'string', default: '100' },
    threads: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (options.help) {
  console.log(
    'npm run check:compiled [-- --steps N] [--threads N] [--only TEXT]\n--only: runs whose name has the text',
  );
  process.exit(0);
}
const [steps, threads] = [Number(options.steps), Number(options.threads)];
const runs = comparedRuns.filter(({ name }) => name.includes(options.only));
const { problem } = findTensorFlow();
if (!(steps >= 2 && threads >= 1) || runs.length === 0 || problem !== undefined) {
  console.error(
    problem ?? '--steps: expected a number from 2 on, --threads: one from 1 on, --only: part of the name of a run',
  );
  process.exit(2);
}

console.log(`${machineLine()}, ${steps} steps, ${threads} threads`);
const folder = mkdtempSync(join(tmpdir(), 'scmoe-compiled-'));
const rows: string[][] = [];
let failed = 0;
try {
  const text = join(folder, 'text.txt');
  const pangrams = ['the quick brown fox jumps over the lazy dog. ', 'pack my box with five dozen liquor jugs. '];
  writeFileSync(text, Array.from({ length: 400 }, (_, i) => pangrams[(i * i) % 3 === 0 ? 0 : 1]).join(''));
  const apps = join(import.meta.dirname, '..', '..', '..', 'apps');
  for (const run of runs) {
    const { loss, validation, steps: done, speed } = await compareRun(run, { apps, folder, text, steps, threads });
    const isClose = loss <= tolerance && validation <= tolerance && done === steps;
    if (!isClose) failed++;
    const numbers = [loss.toExponential(1), validation.toExponential(1), `${speed.toFixed(2)}x`];
    rows.push([run.name, String(done), ...numbers, isClose ? 'yes' : 'no']);
    console.error(rows.at(-1)!.join('  '));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(table(['run', 'steps', 'loss differs by', 'validation by', 'speed of scmoe', `within ${tolerance}`], rows));
process.exit(failed > 0 ? 1 : 0);
