// `npm run check:gpu [-- --device cpu] [--report FILE] [--only losses,products,training,nccl] [--models N]`: all that wants an
// NVIDIA card, in one command with one report. `--device cpu` runs the same small, without a card, to see that the command itself works.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { useBackend } from '@scmoe/tensor';
import { diagnoseTensorFlow, findTensorFlow, registerBackend } from '@scmoe/tensorflow';
import * as tf from '@tensorflow/tfjs';

import { callerPath } from './callerPath.js';
import { machineLine } from './machine.js';
import { gpuName, gpuProblem, type CheckedDevice } from './suites/gpu/gpuDevice.js';
import { lossCheck } from './suites/gpu/lossCheck.js';
import { peakRatesOf } from './suites/gpu/peakRates.js';
import { productRates } from './suites/gpu/productRates.js';
import { trainingRates } from './suites/gpu/trainingRates.js';

const parts = ['losses', 'products', 'training', 'nccl'] as const;
const { values: options } = parseArgs({
  options: {
    device: { type: 'string', default: 'gpu' },
    report: { type: 'string', default: 'gpu-report.md' },
    only: { type: 'string', default: parts.join(',') },
    models: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (options.help) {
  console.log(`npm run check:gpu [-- --device gpu|cpu] [--report FILE] [--only ${parts.join(',')}] [--models N]`);
  process.exit(0);
}
const wanted = options.only.split(',');
const isKnown = wanted.every((part) => (parts as readonly string[]).includes(part));
if (!isKnown || (options.device !== 'gpu' && options.device !== 'cpu')) {
  console.error(`check:gpu: --device: expected gpu or cpu, --only: some of ${parts.join(',')}`);
  process.exit(2);
}
const device: CheckedDevice = options.device;
const configurations = Number(options.models ?? (device === 'gpu' ? Infinity : 2));
if (!(configurations >= 1)) {
  console.error('check:gpu: --models: expected a number from 1 on');
  process.exit(2);
}
const found = findTensorFlow();
if (found.problem !== undefined) fail(`check:gpu: ${found.problem}`);
const binding = registerBackend(device === 'cpu' ? { gpu: 'none' } : {});
const problem = device === 'gpu' ? gpuProblem(binding.device) : undefined;
if (problem !== undefined) fail(problem);

const card =
  device === 'gpu' ? (gpuName() ?? 'a GPU') : 'the CPU, at small sizes: no figure here says anything of speed';
const report = callerPath(options.report);
const sections: string[] = [
  `# GPU check: ${card}`,
  machineLine(),
  `\`\`\`\n${diagnoseTensorFlow().lines.join('\n')}\n\`\`\``,
];
const failed: string[] = [];
await useBackend('scmoe');
tell();

if (wanted.includes('losses')) {
  const losses = await lossCheck({ steps: device === 'gpu' ? 10 : 4, only: configurations });
  failed.push(...losses.failed);
  add('Losses of compiled steps beside those of our kernels on the CPU', losses.text);
}
if (wanted.includes('products')) {
  await tf.setBackend('tensorflow');
  const peaks = device === 'gpu' ? peakRatesOf(card) : undefined;
  add('Products', productRates(device === 'gpu' ? { size: 8192, calls: 10, peaks } : { size: 256, calls: 2, peaks }));
}
if (wanted.includes('training')) {
  const sizes =
    device === 'gpu'
      ? [256, 1024, 2048].map((d) => ({ d, layers: 8, sequence: 1024, batch: 8, rounds: 3, stepsPerRound: 4 }))
      : [{ d: 64, layers: 2, sequence: 32, batch: 2, rounds: 1, stepsPerRound: 2 }];
  for (const size of sizes) add(`Training with bf16 products, d ${size.d}`, await trainingRates({ device, ...size }));
}
if (wanted.includes('nccl')) {
  if (device === 'cpu') add('NCCL', 'Not looked at: `npm test` runs it over stand-ins.');
  else add('NCCL: every collective, one rank and more', checkNccl());
}
add('Outcome', failed.length === 0 ? 'Nothing failed.' : `Failed: ${failed.join('; ')}.`);
console.log(`report: ${report}`);
process.exit(failed.length === 0 ? 0 : 1);

function add(title: string, text: string): void {
  sections.push(`## ${title}`, text);
  tell();
}

/** Writes what is known so far: a later part may end the process. */
function tell(): void {
  console.log(`${sections.at(-2)}\n\n${sections.at(-1)}\n`);
  writeFileSync(report, `${sections.join('\n\n')}\n`);
}

function checkNccl(): string {
  const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
  const { status, stdout, stderr } = spawnSync('npm', ['run', 'check:nccl', '--workspace', '@scmoe/comm'], {
    cwd: root,
    encoding: 'utf8',
    timeout: 300_000,
  });
  if (status !== 0) failed.push('NCCL');
  return `\`\`\`\n${`${stdout}${stderr}`.trim().split('\n').slice(-40).join('\n')}\n\`\`\``;
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
