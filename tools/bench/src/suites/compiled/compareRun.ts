import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { readMetricsFile } from '@scmoe/trainer';

import { commonOptions, type ComparedRun } from './compiledRuns.js';

/** What two backends have made of the same run. */
export interface Comparison {
  /** Largest difference of a step's loss, and of the validation loss at the end. */
  loss: number;
  validation: number;
  steps: number;
  /** Seconds of the steps from the middle of the run on, those of `scmoe` over those of `tensorflow`. */
  speed: number;
}

/** Where the runs are, and how long they are. */
export interface CompareOptions {
  /** The folder of the built programs. */
  apps: string;
  folder: string;
  text: string;
  steps: number;
  threads: number;
}

/** Trains a run on both backends. @throws Error with the command's own words where one fails */
export async function compareRun(run: ComparedRun, options: CompareOptions): Promise<Comparison> {
  const [theirs, ours] = [await train(run, 'scmoe', options), await train(run, 'tensorflow', options)];
  const largest = (name: string) => {
    const differences = ours.flatMap((record, i) => {
      const [a, b] = [record[name], theirs[i]?.[name]];
      return a === undefined && b === undefined ? [] : [Math.abs(Number(a) - Number(b))];
    });
    return differences.length === 0 ? NaN : Math.max(...differences);
  };
  const speedOf = (records: typeof ours) => {
    const speeds = records.flatMap((record) => Number(record['tokensPerSecond'] ?? record['picturesPerSecond'] ?? []));
    const late = speeds.slice(Math.floor(speeds.length / 2)).sort((a, b) => a - b);
    return late[Math.floor(late.length / 2)]!;
  };
  return {
    loss: largest('loss'),
    validation: largest('validationLoss'),
    steps: ours.filter(({ loss }) => loss !== undefined).length,
    speed: speedOf(ours) / speedOf(theirs),
  };
}

async function train(run: ComparedRun, backend: string, { apps, folder, text, steps, threads }: CompareOptions) {
  const runs = join(folder, `${run.name.replaceAll(/\W+/g, '-')}-${backend}`);
  const common = { ...commonOptions(run.program, { text }), steps, threads, backend, 'run-dir': runs };
  const args = Object.entries(common).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const output = await outputOf([join(apps, run.program, 'dist', 'main.js'), 'train', ...args, ...run.options]);
  if (backend === 'tensorflow' && !output.includes('steps: compiled'))
    throw new Error(`${run.name}: expected compiled steps, got\n${output}`);
  const [name] = readdirSync(runs).filter((entry) => !entry.startsWith('.'));
  return readMetricsFile(join(runs, name!, 'metrics.jsonl'));
}

function outputOf(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const program = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [program.stdout, program.stderr])
      stream.on('data', (text: Buffer) => (output += text.toString()));
    program.on('error', reject);
    program.on('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`${args.join(' ')}\n${output}`))));
  });
}
