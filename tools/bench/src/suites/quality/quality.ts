import { appendFileSync, readFileSync } from 'node:fs';

import { useBackend } from '@scmoe/tensor';

import { readRuns } from '../../readRuns.js';
import { deviation, differencesText, mean } from '../../statistics.js';
import { table } from '../../table.js';
import { thousands } from '../../units.js';
import { characters } from './characters.js';
import { type QualityRun, trainVariant } from './trainVariant.js';
import { variants } from './variants.js';

export interface QualityOptions {
  /** A text file. */
  path: string;
  /** How many seeds, from 1. */
  seeds?: number;
  steps?: number;
  threads?: number;
  /** Keeps a line of JSON for each run that is done; those are not done again. */
  resultsPath?: string;
  /** Variants by name; all by default. */
  only?: readonly string[];
}

/** Validation loss of each kind of block at equal active parameters, mean and deviation over the seeds. */
export async function qualitySuite({
  path,
  seeds = 3,
  steps = 2000,
  threads = 1,
  resultsPath,
  only = variants.map(({ name }) => name),
}: QualityOptions): Promise<string> {
  const unknown = only.filter((name) => !variants.some((variant) => variant.name === name));
  if (unknown.length > 0)
    throw new Error(`variants: expected some of ${variants.map(({ name }) => name).join(', ')}, got ${unknown.join()}`);
  await useBackend('auto', { threads });
  const text = characters(readFileSync(path, 'utf8'));
  const chosen = variants.filter(({ name }) => only.includes(name));
  const done = new Map(readRuns<QualityRun>(resultsPath).map((run) => [key(run), run]));
  // Seed by seed: whoever stops early has every variant the same number of times.
  for (let seed = 1; seed <= seeds; seed++) {
    for (const variant of chosen) {
      if (done.has(key({ variant: variant.name, seed, steps }))) continue;
      const run = await trainVariant(variant, seed, text, steps);
      done.set(key(run), run);
      if (resultsPath !== undefined) appendFileSync(resultsPath, `${JSON.stringify(run)}\n`);
      console.log(`${run.variant}, seed ${seed}: ${run.validationLoss.toFixed(4)} after ${run.seconds.toFixed(0)} s`);
    }
  }
  return qualityTable([...done.values()].filter((run) => run.steps === steps));
}

function key({ variant, seed, steps }: Pick<QualityRun, 'variant' | 'seed' | 'steps'>): string {
  return JSON.stringify([variant, seed, steps]);
}

const reference = 'top-2';

/**
 * The last column compares with standard top-2 seed by seed: runs of one seed see the same batches, so that their
 * difference scatters less than either of them.
 */
export function qualityTable(runs: readonly QualityRun[]): string {
  const lossOf = new Map(runs.map((run) => [key(run), run.validationLoss]));
  const rows = variants.flatMap(({ name }) => {
    const own = runs.filter(({ variant }) => variant === name).sort((a, b) => a.seed - b.seed);
    if (own.length === 0) return [];
    const losses = own.map(({ validationLoss }) => validationLoss);
    const differences = own.flatMap((run) => {
      const other = lossOf.get(key({ ...run, variant: reference }));
      return other === undefined ? [] : [run.validationLoss - other];
    });
    const [{ numActiveParameters, numParameters }] = own as [QualityRun];
    return [
      [
        name,
        thousands(numActiveParameters),
        thousands(numParameters),
        mean(losses).toFixed(4),
        deviation(losses)?.toFixed(4) ?? '',
        losses.map((loss) => loss.toFixed(3)).join(' '),
        name === reference ? '' : differencesText(differences, 4),
      ],
    ];
  });
  const header = ['kind', 'active', 'parameters', 'validation loss', 'deviation', 'each seed', 'against top-2'];
  return table(header, rows);
}
