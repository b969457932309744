import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { useBackend } from '@scmoe/tensor';
import { createTokenizer, readCorpus, splitCorpus, tokenizeCorpus } from '@scmoe/trainer';

import { readRuns } from '../../readRuns.js';
import { deviation, differencesText, mean } from '../../statistics.js';
import { table } from '../../table.js';
import { thousands } from '../../units.js';
import { crossing, meanCurve } from './crossing.js';
import { numPoints, type SecondsRun } from './SecondsRun.js';
import { trainForSeconds } from './trainForSeconds.js';
import { type SecondsSizes, secondsVariants } from './variants.js';

/** Options of `secondsSuite`. */
export interface SecondsOptions {
  /** A text file or a folder of them, read as `lm-train --data` does. */
  path: string;
  /** Training time of each run. */
  seconds: number;
  seeds: number;
  threads: number;
  sizes: SecondsSizes;
  lr?: number;
  precision?: 'float32' | 'bf16';
  /** Keeps a line of JSON for each run that is done; those are not done again. */
  resultsPath?: string;
  only?: readonly string[];
  /** A Python with PyTorch, whose dense model takes part. */
  python?: string;
}

const reference = 'dense';
const torchName = 'dense, PyTorch';

/**
 * Validation loss over equal training time: the contenders one after another on the same threads, seed by seed, each with its
 * learning rate by the clock.
 */
export async function secondsSuite({
  path,
  seconds,
  seeds,
  threads,
  sizes,
  lr = 2e-3,
  precision = 'float32',
  resultsPath,
  only = secondsVariants.map(({ name }) => name),
  python,
}: SecondsOptions): Promise<string> {
  const chosen = secondsVariants.filter(({ name }) => only.includes(name));
  const unknown = only.filter((name) => !secondsVariants.some((variant) => variant.name === name));
  if (unknown.length > 0)
    throw new Error(
      `variants: expected some of ${secondsVariants.map(({ name }) => name).join(', ')}, got ${unknown.join()}`,
    );
  await useBackend('auto', { threads, precision });
  const data = await readData(path);
  const setup = JSON.stringify({ ...sizes, threads, precision, lr, tokens: data.train.ids.length });
  const done = readRuns<SecondsRun>(resultsPath).filter((run) => run.setup === setup && run.seconds === seconds);
  const has = (variant: string, seed: number) => done.some((run) => run.variant === variant && run.seed === seed);
  const keep = (run: SecondsRun) => {
    done.push(run);
    if (resultsPath !== undefined) appendFileSync(resultsPath, `${JSON.stringify(run)}\n`);
    const last = run.curve.at(-1)!;
    console.log(`${run.variant}, seed ${run.seed}: ${last.loss.toFixed(4)} after ${last.step} steps`);
  };
  // Seed by seed: whoever stops early has every contender the same number of times.
  for (let seed = 1; seed <= seeds; seed++) {
    for (const variant of chosen) {
      if (has(variant.name, seed)) continue;
      const result = await trainForSeconds(variant, { data, sizes, seed, seconds, lr });
      keep({ variant: variant.name, seed, seconds, setup, ...result });
    }
    if (python !== undefined && !has(torchName, seed)) {
      const config = secondsVariants[0]!.config(sizes, data.vocabSize);
      const result = runTorch(python, { data, task: { ...config, ...sizes, seed, seconds, lr, threads, precision } });
      keep({ variant: torchName, seed, seconds, setup, ...result });
    }
  }
  return secondsReport(done, seconds);
}

async function readData(path: string) {
  const { documents } = await readCorpus(path);
  const tokenizer = await createTokenizer('byte', documents);
  const split = splitCorpus(documents, { validationFraction: 0.1 });
  const [train, validation] = [split.train, split.validation].map((part) => tokenizeCorpus(part, tokenizer));
  return { train: train!, validation: validation!, vocabSize: tokenizer.vocabSize };
}

/** The dense model in PyTorch, on the same tokens, for the same time. */
function runTorch(
  python: string,
  { data, task }: { data: Awaited<ReturnType<typeof readData>>; task: object },
): Pick<SecondsRun, 'curve' | 'numParameters' | 'numActiveParameters'> {
  const folder = mkdtempSync(join(tmpdir(), 'scmoe-seconds-'));
  try {
    for (const part of ['train', 'validation'] as const)
      writeFileSync(join(folder, `${part}.i32`), Int32Array.from(data[part].ids));
    const peer = fileURLToPath(new URL('../peers/seconds_torch.py', import.meta.url));
    const { status, stdout, stderr } = spawnSync(
      python,
      [peer, folder, JSON.stringify({ ...task, vocabSize: data.vocabSize, numPoints })],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`${python} ${peer} failed: ${stderr}`);
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as ReturnType<typeof runTorch>;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The table of the contenders, and in words where each crosses the dense model. */
function secondsReport(runs: readonly SecondsRun[], seconds: number): string {
  const names = [...secondsVariants.map(({ name }) => name), torchName].filter((name) =>
    runs.some((run) => run.variant === name),
  );
  const own = (name: string) => runs.filter((run) => run.variant === name).sort((a, b) => a.seed - b.seed);
  const times = Array.from({ length: numPoints }, (_, i) => (seconds * (i + 1)) / numPoints);
  const curveOf = (name: string) =>
    meanCurve(
      own(name).map(({ curve }) => curve),
      times,
    );
  const final = ({ curve }: SecondsRun) => curve.at(-1)!.loss;
  const rows = names.map((name) => {
    const mine = own(name);
    const losses = mine.map(final);
    const differences = mine.flatMap((run) => {
      const other = own(reference).find(({ seed }) => seed === run.seed);
      return other ? [final(run) - final(other)] : [];
    });
    const [{ numActiveParameters, numParameters }] = mine as [SecondsRun, ...SecondsRun[]];
    return [
      name,
      thousands(numActiveParameters),
      thousands(numParameters),
      String(Math.round(mean(mine.map(({ curve }) => curve.at(-1)!.step)))),
      mean(losses).toFixed(4),
      deviation(losses)?.toFixed(4) ?? '',
      name === reference ? '' : differencesText(differences, 4),
    ];
  });
  const header = ['kind', 'active', 'parameters', 'steps', 'validation loss', 'deviation', 'against dense'];
  const lines = names
    .filter((name) => name !== reference && own(reference).length > 0)
    .map((name) => {
      const at = crossing(curveOf(name), curveOf(reference), times);
      if (at === undefined) return `${name} is not below ${reference} after ${seconds} s.`;
      return at === 0
        ? `${name} is below ${reference} all along.`
        : `${name} crosses ${reference} at ${at.toFixed(0)} s and stays below it.`;
    });
  return [table(header, rows), ...lines].join('\n');
}
