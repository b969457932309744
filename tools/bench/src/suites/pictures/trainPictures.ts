import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { median } from '../../statistics.js';
import { pictureConfig, type PictureVariant } from './variants.js';

export interface PictureRun {
  variant: string;
  seed: number;
  steps: number;
  /** Over all pictures kept for testing, as shares of 1 and in nats. */
  top1: number;
  top5: number;
  validationLoss: number;
  /** Seconds of a step, the median without the first ones. */
  stepSeconds: number;
}

export interface TrainPicturesOptions {
  /** What `vit-train --data` takes. */
  data: string;
  seed: number;
  steps: number;
  threads: number;
  /** Whether all pictures for testing are evaluated; not where only the time of the steps is of interest. */
  evaluate: boolean;
}

const batchSize = 128;
const program = fileURLToPath(new URL('../../../apps/vit-train/dist/main.js', import.meta.url));

/** Trains a variant as a user would, by the command `vit-train`, and reads what the run has left. */
export async function trainPictures(
  variant: PictureVariant,
  { data, seed, steps, threads, evaluate }: TrainPicturesOptions,
): Promise<PictureRun> {
  const folder = mkdtempSync(join(tmpdir(), 'scmoe-pictures-'));
  try {
    const { moe, numClasses: _, ...model } = pictureConfig(variant, 1);
    const settings = {
      ...model,
      ...moe,
      data,
      seed,
      steps,
      threads,
      batchSize,
      optimizer: 'muon',
      lr: 3e-3,
      averageDecay: 0.99,
      stochasticDepth: 0,
      evalEvery: 0,
      evalBatches: evaluate ? 0 : 1,
      saveEvery: 0,
      runDir: join(folder, 'runs'),
    };
    const file = join(folder, 'settings.json');
    writeFileSync(file, JSON.stringify(settings));
    await run(['train', '--config', file, '--no-progress']);
    const [name] = readdirSync(settings.runDir);
    const lines = readFileSync(join(settings.runDir, name!, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n');
    const metrics = lines.map((line) => JSON.parse(line) as Record<string, number>);
    const result = metrics.findLast(({ validationTop1 }) => validationTop1 !== undefined)!;
    const speeds = metrics.flatMap(({ picturesPerSecond }) => picturesPerSecond ?? []).slice(10);
    return {
      variant: variant.name,
      seed,
      steps,
      top1: result.validationTop1!,
      top5: result.validationTop5!,
      validationLoss: result.validationLoss!,
      stepSeconds: median(speeds.map((speed) => batchSize / speed)),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function run(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`vit-train ended with status ${code}: ${err}`));
    });
  });
}
