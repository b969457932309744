import { appendFileSync } from 'node:fs';

import { Vit } from '@scmoe/models';
import { useBackend } from '@scmoe/tensor';

import { readRuns } from '../../readRuns.js';
import { deviation, differencesText, mean, median } from '../../statistics.js';
import { table } from '../../table.js';
import { thousands } from '../../units.js';
import { type PictureRun, trainPictures } from './trainPictures.js';
import { pictureConfig, type PictureVariant, pictureVariants } from './variants.js';

export interface PicturesOptions {
  /** What `vit-train --data` takes, with a part for testing. */
  data: string;
  seeds: number;
  /** Updates of 128 pictures at equal steps; those of the reference at equal seconds. */
  steps: number;
  /** Keeps a line of JSON for each run that is done, and for the time of a step; neither is done again. */
  resultsPath?: string;
  only?: readonly string[];
  /** Runs side by side, each on one thread. */
  sideBySide?: number;
}

/** The time of a step on an otherwise idle machine. */
interface StepTime {
  variant: string;
  stepSeconds: number;
}

const reference = 'top-2';
const timedRounds = 3;
const timedSteps = 40;

/** Test accuracy of ViTs with each kind of block at equal active parameters, after equal steps and after equal seconds. */
export async function picturesSuite({
  data,
  seeds,
  steps,
  resultsPath,
  only = pictureVariants.map(({ name }) => name),
  sideBySide = 2,
}: PicturesOptions): Promise<string> {
  const chosen = pictureVariants.filter(({ name }) => only.includes(name));
  const lines = readRuns<PictureRun | StepTime>(resultsPath);
  const keep = (line: PictureRun | StepTime): void => {
    lines.push(line);
    if (resultsPath !== undefined) appendFileSync(resultsPath, `${JSON.stringify(line)}\n`);
  };
  const isRun = (line: PictureRun | StepTime): line is PictureRun => 'seed' in line;
  const runs = () => lines.filter(isRun);

  const trainAll = async (stepsOf: (name: string) => number): Promise<void> => {
    // Seed by seed: whoever stops early has every variant the same number of times.
    const wanted = Array.from({ length: seeds }, (_, i) => chosen.map((variant) => ({ variant, seed: i + 1 }))).flat();
    const missing = wanted.filter(
      ({ variant: { name }, seed }) =>
        !runs().some((run) => run.variant === name && run.seed === seed && run.steps === stepsOf(name)),
    );
    const worker = async (): Promise<void> => {
      for (let next = missing.shift(); next !== undefined; next = missing.shift()) {
        const { variant, seed } = next;
        const run = await trainPictures(variant, {
          data,
          seed,
          steps: stepsOf(variant.name),
          threads: 1,
          evaluate: true,
        });
        keep(run);
        console.log(`${run.variant}, seed ${seed}, ${run.steps} steps: ${percent(run.top1)}`);
      }
    };
    await Promise.all(Array.from({ length: sideBySide }, worker));
  };

  if (!lines.some((line) => !isRun(line))) for (const time of await timeSteps(chosen, data)) keep(time);
  const times = new Map(lines.flatMap((line) => (isRun(line) ? [] : [[line.variant, line.stepSeconds]])));
  const secondsOfAll = steps * (times.get(reference) ?? Math.max(...times.values()));
  const inEqualSeconds = (name: string) => Math.round(secondsOfAll / times.get(name)!);
  await trainAll(() => steps);
  await trainAll(inEqualSeconds);
  await useBackend('auto');
  return [
    `Equal steps, ${steps}:`,
    picturesTable(runs(), chosen, () => steps, times),
    `Equal seconds, ${secondsOfAll.toFixed(0)} on one core, as ${steps} steps of ${reference} take:`,
    picturesTable(runs(), chosen, inEqualSeconds, times),
  ].join('\n\n');
}

/** All variants in turn, several times over: what disturbs the machine disturbs each of them. */
async function timeSteps(variants: readonly PictureVariant[], data: string): Promise<StepTime[]> {
  const seconds = new Map<string, number[]>(variants.map(({ name }) => [name, []]));
  for (let round = 0; round < timedRounds; round++) {
    for (const variant of variants) {
      const options = { data, seed: 1, steps: timedSteps, threads: 1, evaluate: false };
      seconds.get(variant.name)!.push((await trainPictures(variant, options)).stepSeconds);
    }
  }
  return variants.map(({ name }) => ({ variant: name, stepSeconds: median(seconds.get(name)!) }));
}

function picturesTable(
  runs: readonly PictureRun[],
  variants: readonly PictureVariant[],
  stepsOf: (name: string) => number,
  times: ReadonlyMap<string, number>,
): string {
  const own = (name: string) =>
    runs.filter((run) => run.variant === name && run.steps === stepsOf(name)).sort((a, b) => a.seed - b.seed);
  const rows = variants.flatMap((variant) => {
    const { name } = variant;
    const mine = own(name);
    if (mine.length === 0) return [];
    const accuracies = mine.map(({ top1 }) => 100 * top1);
    const differences = mine.flatMap(({ seed, top1 }) => {
      const other = own(reference).find((run) => run.seed === seed);
      return other === undefined ? [] : [100 * (top1 - other.top1)];
    });
    const model = new Vit(pictureConfig(variant, 10), { seed: 1 });
    const row = [
      name,
      thousands(model.numActiveParameters()),
      thousands(model.numParameters()),
      `${(1000 * times.get(name)!).toFixed(0)} ms`,
      String(stepsOf(name)),
      mean(accuracies).toFixed(2),
      deviation(accuracies)?.toFixed(2) ?? '',
      accuracies.map((accuracy) => accuracy.toFixed(1)).join(' '),
      name === reference ? '' : differencesText(differences, 2),
    ];
    model.dispose();
    return [row];
  });
  const header = [
    'kind',
    'active',
    'parameters',
    'step',
    'steps',
    'test top-1, %',
    'deviation',
    'each seed',
    'against top-2',
  ];
  return table(header, rows);
}

const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
