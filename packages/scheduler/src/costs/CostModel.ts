import {
  ArgumentError,
  expectBetween,
  expectInteger,
  expectNonNegative,
  expectPositiveInteger,
  expectWholeNumber,
} from '@scmoe/errors';

import { median } from './median.js';
import type { OperatorCosts } from './OperatorCosts.js';

/** What a measured time belongs to: times are never mixed over machines, shapes or directions. */
export interface CostKey {
  /** Whatever names hardware and settings that matter, e.g. `8xA30-PCIe bf16`. */
  readonly machine: string;
  /** Whatever names the work, e.g. `4096x1024 top-1 of 8`. */
  readonly shape: string;
  readonly direction: 'forward' | 'backward';
}

/** What counts as a measurement, and what as a change of the machine. */
export interface CostModelOptions {
  /** The first measurements of an operator, which are not kept: allocation, compilation, cold caches. Default 3. */
  readonly warmupSteps?: number;
  /** How many measurements the median is taken over. Default 21. */
  readonly windowSize?: number;
  /** How far a measurement may be from the median of those before it, as a share, without being odd. Default 0.25. */
  readonly driftTolerance?: number;
  /** How many odd ones in a row, all longer or all shorter, say that the machine has changed. Default 5. */
  readonly driftSamples?: number;
  /** Wall clock in ms, for the age of measurements. Default Date.now. */
  readonly now?: () => number;
}

interface Series {
  seen: number;
  lastMs: number;
  samples: number[];
}

/** How a measurement was taken: not kept yet, kept, or kept alone because what came before no longer holds. */
export type Recorded = 'warmup' | 'kept' | 'drifted';

const format = 'scmoe-costs';

/**
 * Measured times of operators, by machine, shape and direction: the running median of each, over a window. Where the
 * newest measurements leave the median, the older ones are dropped and `generation` grows, which tells a planner to plan
 * again.
 */
export class CostModel {
  private readonly settings: Required<CostModelOptions>;
  private readonly series = new Map<string, Series>();
  private readonly generations = new Map<string, number>();

  /** @throws ArgumentError for options out of range */
  constructor({
    warmupSteps = 3,
    windowSize = 21,
    driftTolerance = 0.25,
    driftSamples = 5,
    now = Date.now,
  }: CostModelOptions = {}) {
    expectWholeNumber('warmupSteps', warmupSteps);
    expectPositiveInteger('driftSamples', driftSamples);
    expectInteger('windowSize', windowSize, { minimum: 2 * driftSamples });
    expectBetween('driftTolerance', driftTolerance, 0, 100);
    this.settings = { warmupSteps, windowSize, driftTolerance, driftSamples, now };
  }

  /** Takes a measured time, in milliseconds. @throws ArgumentError for a time that is negative or not finite */
  record(key: CostKey, operator: string, timeMs: number): Recorded {
    expectNonNegative(`time of '${operator}' in ms`, timeMs);
    const { warmupSteps, windowSize, now } = this.settings;
    const id = seriesId(key, operator);
    const series = this.series.get(id) ?? { seen: 0, lastMs: 0, samples: [] };
    this.series.set(id, series);
    series.seen++;
    series.lastMs = now();
    if (series.seen <= warmupSteps) return 'warmup';
    series.samples.push(timeMs);
    if (this.hasDrifted(series.samples)) {
      series.samples = series.samples.slice(-this.settings.driftSamples);
      this.generations.set(keyId(key), this.generation(key) + 1);
      return 'drifted';
    }
    series.samples = series.samples.slice(-windowSize);
    return 'kept';
  }

  /** Median of the operator's window in ms, undefined before its warm-up is over. */
  costOf(key: CostKey, operator: string): number | undefined {
    const samples = this.series.get(seriesId(key, operator))?.samples;
    return samples?.length ? median(samples) : undefined;
  }

  /** Costs of all of `operators`, or undefined as long as one of them has not been measured. */
  costs(key: CostKey, operators: readonly string[]): OperatorCosts | undefined {
    const entries = operators.map((operator) => [operator, this.costOf(key, operator)] as const);
    if (entries.some(([, cost]) => cost === undefined)) return undefined;
    return Object.fromEntries(entries) as OperatorCosts;
  }

  /** How often times of this key have drifted. A plan made at another generation is to be made again. */
  generation(key: CostKey): number {
    return this.generations.get(keyId(key)) ?? 0;
  }

  /** Time since the operator was last measured in ms; Infinity where it never was. */
  ageMs(key: CostKey, operator: string): number {
    const series = this.series.get(seriesId(key, operator));
    return series ? this.settings.now() - series.lastMs : Infinity;
  }

  /** All of it as plain data, which `fromJSON` takes. */
  toJSON(): object {
    return {
      format,
      version: 1,
      series: [...this.series].map(([id, series]) => ({ id, ...series })),
      generations: [...this.generations],
    };
  }

  /**
   * Makes a model of what was saved.
   *
   * @param content what `JSON.parse` made of a model's JSON; warm-up is counted on, not begun again
   * @throws ArgumentError where it is not that
   */
  static fromJSON(content: unknown, options: CostModelOptions = {}): CostModel {
    const saved = (content ?? {}) as { format?: unknown; version?: unknown; series?: unknown; generations?: unknown };
    if (saved.format !== format || saved.version !== 1) {
      throw new ArgumentError(
        `not a cost model: expected ${format} 1, got ${JSON.stringify(saved.format)} ${JSON.stringify(saved.version)}`,
      );
    }
    const model = new CostModel(options);
    for (const entry of arrayOf('series', saved.series)) {
      const { id, seen, lastMs, samples } = (entry ?? {}) as Partial<Series & { id: unknown }>;
      if (typeof id !== 'string' || typeof lastMs !== 'number') {
        throw new ArgumentError(`cost model: not a series: ${JSON.stringify(entry)}`);
      }
      expectWholeNumber(`cost model: measurements seen of ${id}`, seen);
      const times = arrayOf(`samples of ${id}`, samples) as number[];
      for (const time of times) expectNonNegative(`cost model: time of ${id}`, time);
      model.series.set(id, { seen: seen, lastMs, samples: times.slice(-model.settings.windowSize) });
    }
    for (const entry of arrayOf('generations', saved.generations)) {
      const [id, generation] = entry as [unknown, number];
      if (typeof id !== 'string') throw new ArgumentError(`cost model: not a generation: ${JSON.stringify(entry)}`);
      expectWholeNumber(`cost model: generation of ${id}`, generation);
      model.generations.set(id, generation);
    }
    return model;
  }

  private hasDrifted(samples: readonly number[]): boolean {
    const { driftSamples, driftTolerance } = this.settings;
    const before = samples.slice(0, -driftSamples);
    if (before.length < driftSamples) return false;
    const settled = median(before);
    const newest = samples.slice(-driftSamples);
    return (
      newest.every((time) => time > settled * (1 + driftTolerance)) ||
      newest.every((time) => time < settled * (1 - driftTolerance))
    );
  }
}

function keyId({ machine, shape, direction }: CostKey): string {
  return JSON.stringify([machine, shape, direction]);
}

function seriesId({ machine, shape, direction }: CostKey, operator: string): string {
  return JSON.stringify([machine, shape, direction, operator]);
}

function arrayOf(what: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new ArgumentError(`cost model: ${what}: expected a list, got ${typeof value}`);
  return value as unknown[];
}
