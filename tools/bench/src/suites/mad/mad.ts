import { appendFileSync } from 'node:fs';

import { useBackend } from '@scmoe/tensor';
import { madTaskNames } from '@scmoe/trainer';

import { readRuns } from '../../readRuns.js';
import { mean } from '../../statistics.js';
import { table } from '../../table.js';
import { madKinds } from './kinds.js';
import { fullProtocol, type MadProtocol, quickProtocol } from './protocol.js';
import { type MadRun, type MadRunId, trainMad } from './trainMad.js';

export interface MadOptions {
  /** The quick subset, or the paper's protocol, which takes days on a CPU. */
  protocol?: MadProtocol['name'];
  /** How many seeds, from 1. */
  seeds?: number;
  threads?: number;
  /** Keeps a line of JSON for each run that is done; those are not done again. */
  resultsPath?: string;
  /** Kinds by name; all by default. */
  only?: readonly string[];
}

/** Accuracy of each kind of block on the six tasks of MAD. */
export async function madSuite({
  protocol: name = 'quick',
  seeds = 2,
  threads = 1,
  resultsPath,
  only = madKinds.map((kind) => kind.name),
}: MadOptions = {}): Promise<string> {
  const unknown = only.filter((name) => !madKinds.some((kind) => kind.name === name));
  if (unknown.length > 0)
    throw new Error(
      `variants: expected some of ${madKinds.map((kind) => kind.name).join(', ')}, got ${unknown.join()}`,
    );
  const protocol = name === 'full' ? fullProtocol : quickProtocol;
  await useBackend('auto', { threads });
  const runs = new Map(readRuns<MadRun>(resultsPath).map((run) => [key(run), run]));
  for (const id of allRuns(protocol, { seeds, only })) {
    if (runs.has(key(id))) continue;
    const run = await trainMad(
      id,
      madKinds.find((kind) => kind.name === id.kind)!,
      protocol,
    );
    runs.set(key(run), run);
    if (resultsPath !== undefined) appendFileSync(resultsPath, `${JSON.stringify(run)}\n`);
    console.log(
      `${run.kind}, ${run.task}, seed ${run.seed}: ${run.accuracy.toFixed(3)} after ${run.seconds.toFixed(0)} s`,
    );
  }
  return madTable([...runs.values()].filter((run) => run.protocol === name));
}

/** Seed by seed, task by task: whoever stops early has all kinds on what is there. */
function* allRuns(
  protocol: MadProtocol,
  { seeds, only }: { seeds: number; only: readonly string[] },
): Generator<MadRunId> {
  for (let seed = 1; seed <= seeds; seed++)
    for (const task of madTaskNames)
      for (const setting of protocol.settings[task])
        for (const kind of only)
          for (const learningRate of protocol.learningRates)
            for (const weightDecay of protocol.weightDecays)
              yield { protocol: protocol.name, kind, task, setting, seed, learningRate, weightDecay };
}

function key({ protocol, kind, task, setting, seed, learningRate, weightDecay }: MadRunId): string {
  return JSON.stringify([protocol, kind, task, setting, seed, learningRate, weightDecay]);
}

/**
 * Percent. A cell is the mean over settings and seeds of the best accuracy over the grid, with half the range of the seeds;
 * the last column is the mean of the row.
 */
export function madTable(runs: readonly MadRun[]): string {
  const rows = madKinds.flatMap(({ name }) => {
    const own = runs.filter(({ kind }) => kind === name);
    if (own.length === 0) return [];
    const scores = madTaskNames.map((task) => scoresOfSeeds(own.filter((run) => run.task === task)));
    const all = scores.every((of) => of.length > 0) ? mean(scores.map(mean)) : undefined;
    return [[name, ...scores.map(cell), all === undefined ? '' : percent(all)]];
  });
  return table(['kind', ...madTaskNames, 'mean'], rows);
}

/** The score of each seed: the mean over the settings of the best accuracy over the grid. */
function scoresOfSeeds(runs: readonly MadRun[]): number[] {
  return groupBy(runs, ({ seed }) => seed).map((ofSeed) => {
    const settings = groupBy(ofSeed, ({ setting }) => JSON.stringify(setting));
    return mean(settings.map((grid) => Math.max(...grid.map(({ accuracy }) => accuracy))));
  });
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => unknown): T[][] {
  return [...new Set(items.map(keyOf))].map((wanted) => items.filter((item) => keyOf(item) === wanted));
}

function cell(scores: readonly number[]): string {
  if (scores.length === 0) return '';
  const half = (Math.max(...scores) - Math.min(...scores)) / 2;
  return scores.length === 1 ? percent(scores[0]!) : `${percent(mean(scores))} ± ${percent(half)}`;
}

function percent(share: number): string {
  return (100 * share).toFixed(1);
}
