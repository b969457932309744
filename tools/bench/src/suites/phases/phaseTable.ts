import { median } from '../../statistics.js';
import { table } from '../../table.js';
import type { PhaseTimes } from './TimedCalls.js';

/** What the machine does at most in a second. */
export interface Rates {
  flops: number;
  bytes: number;
}

interface Row {
  name: string;
  calls: number;
  seconds: number;
  /** The least that it takes: no more than it took, where it was in the caches. */
  limit: number;
  isInCaches?: boolean;
}

/**
 * The phases of a step beside their limits, the longest first, those of less than a five-hundredth of it together.
 *
 * @param all what each of several steps took
 * @param step seconds of a whole step
 */
export function phaseTable(all: readonly ReadonlyMap<string, PhaseTimes>[], step: number, rates: Rates): string {
  const phases = [...all[0]!].map(([name, { calls, flops, bytes }]) =>
    rowOf(name, { calls, flops, bytes, seconds: median(all.map((round) => round.get(name)?.seconds ?? 0)) }, rates),
  );
  const large = phases.filter(({ seconds }) => seconds > step / 500).sort((a, b) => b.seconds - a.seconds);
  const rest = together(
    'other kernels',
    phases.filter((phase) => !large.includes(phase)),
  );
  const inKernels = together('kernels', phases);
  const javaScript = { name: 'JavaScript', calls: 1, seconds: step - inKernels.seconds, limit: 0 };
  const whole = { name: 'step', calls: 1, seconds: step, limit: inKernels.limit };
  return table(
    ['phase', 'calls', 'time', 'limit', 'share of the limit', 'over it'],
    [...large, rest, javaScript, whole].map(cellsOf),
  );
}

function rowOf(name: string, { calls, seconds, flops, bytes }: PhaseTimes, rates: Rates): Row {
  const [computing, moving] = [flops / rates.flops, bytes / rates.bytes];
  const isInCaches = moving > computing && moving > seconds;
  return { name, calls, seconds, limit: isInCaches ? seconds : Math.max(computing, moving), isInCaches };
}

function together(name: string, rows: readonly Row[]): Row {
  const sum = (key: 'seconds' | 'limit' | 'calls') => rows.reduce((total, row) => total + row[key], 0);
  return { name, calls: sum('calls'), seconds: sum('seconds'), limit: sum('limit') };
}

function cellsOf({ name, calls, seconds, limit, isInCaches }: Row): string[] {
  const ms = (value: number) => `${(value * 1000).toFixed(1)} ms`;
  const share = isInCaches ? 'in the caches' : `${((100 * limit) / seconds).toFixed(0)} %`;
  return [name, String(calls), ms(seconds), isInCaches ? '' : ms(limit), share, isInCaches ? '' : ms(seconds - limit)];
}
