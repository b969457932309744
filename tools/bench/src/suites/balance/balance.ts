import { appendFileSync, readFileSync } from 'node:fs';

import { useBackend } from '@scmoe/tensor';

import { readRuns } from '../../readRuns.js';
import { deviation, mean } from '../../statistics.js';
import { table } from '../../table.js';
import { characters } from '../quality/characters.js';
import { trainBalanced, type BalanceRun, type BalanceVariant } from './trainBalanced.js';

/** Nothing; a loss; a bias moved by the sign of what an expert lacks; a bias moved to where the load is even. */
export const balanceVariants: readonly BalanceVariant[] = [
  { name: 'none', moe: {} },
  { name: 'auxiliary loss 0.01', moe: { loadBalanceCoefficient: 0.01 } },
  { name: 'sign 0.001', moe: { correctionBias: true }, bias: { rule: 'sign', updateRate: 1e-3 } },
  { name: 'sign 0.01', moe: { correctionBias: true }, bias: { rule: 'sign', updateRate: 1e-2 } },
  { name: 'quantile 0', moe: { correctionBias: true }, bias: { rule: 'quantile', decay: 0 } },
  { name: 'quantile 0.25', moe: { correctionBias: true }, bias: { rule: 'quantile', decay: 0.25 } },
  { name: 'quantile 0.5', moe: { correctionBias: true }, bias: { rule: 'quantile', decay: 0.5 } },
  { name: 'quantile 0.9', moe: { correctionBias: true }, bias: { rule: 'quantile', decay: 0.9 } },
];

export interface BalanceOptions {
  /** A text file. */
  path: string;
  /** How many seeds, from 1. */
  seeds: number;
  steps: number;
  /** Keeps a line of JSON for each run that is done; those are not done again. */
  resultsPath?: string;
  /** Variants by name; all by default. */
  only?: readonly string[];
}

/** Load, dropped choices and loss over the steps, for each way to keep the load even. */
export async function balanceSuite({
  path,
  seeds,
  steps,
  resultsPath,
  only = balanceVariants.map(({ name }) => name),
}: BalanceOptions): Promise<string> {
  const unknown = only.filter((name) => !balanceVariants.some((variant) => variant.name === name));
  if (unknown.length > 0)
    throw new Error(
      `variants: expected some of ${balanceVariants.map(({ name }) => name).join(', ')}, got ${unknown.join()}`,
    );
  await useBackend('auto', { threads: 1 });
  const text = characters(readFileSync(path, 'utf8'));
  const key = ({ variant, seed, steps }: Pick<BalanceRun, 'variant' | 'seed' | 'steps'>) =>
    JSON.stringify([variant, seed, steps]);
  const done = new Map(readRuns<BalanceRun>(resultsPath).map((run) => [key(run), run]));
  for (let seed = 1; seed <= seeds; seed++) {
    for (const variant of balanceVariants.filter(({ name }) => only.includes(name))) {
      if (done.has(key({ variant: variant.name, seed, steps }))) continue;
      const run = await trainBalanced(variant, seed, text, steps);
      done.set(key(run), run);
      if (resultsPath !== undefined) appendFileSync(resultsPath, `${JSON.stringify(run)}\n`);
      console.log(`${run.variant}, seed ${seed}: ${run.validationLoss.toFixed(4)} after ${run.seconds.toFixed(0)} s`);
    }
  }
  return balanceTable([...done.values()].filter((run) => run.steps === steps));
}

/** Steps whose mean a column shows: from the one that is named to nine after it. */
const shown = [20, 50, 100];
const window = 10;

/** Means over the seeds of worst load and dropped share at some steps and over the last ones, and of the loss. */
export function balanceTable(runs: readonly BalanceRun[]): string {
  const steps = Math.max(...runs.map((run) => run.steps));
  const starts = [...shown.filter((step) => step + window < steps), Math.max(0, steps - window)];
  const rows = balanceVariants.flatMap(({ name }) => {
    const own = runs.filter(({ variant }) => variant === name);
    if (own.length === 0) return [];
    const at = (values: 'worstLoad' | 'dropped', start: number) =>
      mean(own.map((run) => mean(run[values].slice(start, start + window))));
    const losses = own.map(({ validationLoss }) => validationLoss);
    return [
      [
        name,
        ...starts.map((start) => at('worstLoad', start).toFixed(2)),
        ...starts.map((start) => at('dropped', start).toFixed(3)),
        mean(losses).toFixed(4),
        deviation(losses)?.toFixed(4) ?? '',
      ],
    ];
  });
  const of = (what: string) => starts.map((start) => `${what}, step ${start}`);
  return table(['balanced by', ...of('worst load'), ...of('dropped'), 'validation loss', 'deviation'], rows);
}
