import { appendFileSync } from 'node:fs';

import { useBackend } from '@scmoe/tensor';
import { createTokenizer, readCorpus, splitCorpus, tokenizeCorpus } from '@scmoe/trainer';

import { readRuns } from '../../readRuns.js';
import { measurePaces } from './measurePaces.js';
import { torchName } from './names.js';
import { measureTorchPace, runTorch } from './runTorch.js';
import { isPaces, type SecondsPaces, type SecondsRun } from './SecondsRun.js';
import type { SecondsData } from './SecondsTraining.js';
import { secondsReport } from './secondsReport.js';
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
  /**
   * Measures the steps of all contenders first, in turn, so many rounds of them; each then trains for as many steps as fit into the
   * time. What else runs by then decides nothing, and a run repeats bit for bit. Without, each step counts for what it takes.
   */
  paceRounds?: number;
}

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
  paceRounds,
}: SecondsOptions): Promise<string> {
  const chosen = secondsVariants.filter(({ name }) => only.includes(name));
  const unknown = only.filter((name) => !secondsVariants.some((variant) => variant.name === name));
  if (unknown.length > 0)
    throw new Error(
      `variants: expected some of ${secondsVariants.map(({ name }) => name).join(', ')}, got ${unknown.join()}`,
    );
  await useBackend('auto', { threads, precision });
  const data = await readData(path);
  const clock = paceRounds === undefined ? {} : { clock: 'pace' };
  const setup = JSON.stringify({ ...sizes, threads, precision, lr, tokens: data.train.ids.length, ...clock });
  const lines = readRuns<SecondsRun | SecondsPaces>(resultsPath).filter((line) => line.setup === setup);
  const write = (line: SecondsRun | SecondsPaces) => {
    if (resultsPath !== undefined) appendFileSync(resultsPath, `${JSON.stringify(line)}\n`);
  };
  const torchTask = { ...secondsVariants[0]!.config(sizes, data.vocabSize), ...sizes, seconds, lr, threads, precision };

  // Paces that are on file stay: runs of another day are compared by them.
  const paces = Object.fromEntries(lines.filter(isPaces).flatMap(({ paces }) => Object.entries(paces)));
  if (paceRounds !== undefined) {
    const missing = chosen.filter(({ name }) => paces[name] === undefined);
    const own = await measurePaces(missing, { data, sizes, lr, rounds: paceRounds });
    if (python !== undefined && paces[torchName] === undefined)
      own[torchName] = measureTorchPace(python, data, { ...torchTask, seed: 1, paceSteps: 3 * paceRounds });
    if (Object.keys(own).length > 0) write({ setup, paces: own });
    Object.assign(paces, own);
    for (const [name, pace] of Object.entries(paces)) console.log(`${name}: ${(pace * 1000).toFixed(1)} ms a step`);
  }
  const paceOf = (name: string) => (paceRounds === undefined ? {} : { pace: paces[name] });

  const done = lines.filter((line): line is SecondsRun => !isPaces(line) && line.seconds === seconds);
  const has = (variant: string, seed: number) => done.some((run) => run.variant === variant && run.seed === seed);
  const keep = (run: SecondsRun) => {
    done.push(run);
    write(run);
    const last = run.curve.at(-1)!;
    console.log(`${run.variant}, seed ${run.seed}: ${last.loss.toFixed(4)} after ${last.step} steps`);
  };
  // Seed by seed: whoever stops early has every contender the same number of times.
  for (let seed = 1; seed <= seeds; seed++) {
    for (const variant of chosen) {
      if (has(variant.name, seed)) continue;
      const result = await trainForSeconds(variant, { data, sizes, seed, seconds, lr, ...paceOf(variant.name) });
      keep({ variant: variant.name, seed, seconds, setup, ...result });
    }
    if (python !== undefined && !has(torchName, seed)) {
      const result = runTorch(python, data, { ...torchTask, seed, ...paceOf(torchName) });
      keep({ variant: torchName, seed, seconds, setup, ...result });
    }
  }
  return secondsReport(done, seconds);
}

async function readData(path: string): Promise<SecondsData> {
  const { documents } = await readCorpus(path);
  const tokenizer = await createTokenizer('byte', documents);
  const split = splitCorpus(documents, { validationFraction: 0.1 });
  const [train, validation] = [split.train, split.validation].map((part) => tokenizeCorpus(part, tokenizer));
  return { train: train!, validation: validation!, vocabSize: tokenizer.vocabSize };
}
