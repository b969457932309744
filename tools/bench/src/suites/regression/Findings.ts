import { appendFileSync } from 'node:fs';

import { readRuns } from '../../readRuns.js';
import type { Comparison } from './verdict.js';

/** A comparison in a file, with the builds that it is of. */
interface Kept {
  builds: string;
  comparison: Comparison;
}

/** Options of `Findings`. */
export interface FindingsOptions {
  /** Names of the two builds: what others have found is not ours. */
  builds: string;
  /** A file of JSON lines that what is found is appended to; a case that it has is not measured again. */
  path?: string | undefined;
  /** After so many seconds no further case is begun. */
  budgetSeconds?: number | undefined;
}

/** What two builds were found to take, in one run or in several that each go on where the last one ended. */
export class Findings {
  readonly compared: Comparison[];
  /** How many cases there was no time for. */
  left = 0;
  private readonly known: Set<string>;
  private readonly begun = performance.now();

  constructor(private readonly options: FindingsOptions) {
    const kept = readRuns<Kept>(options.path).filter(({ builds }) => builds === options.builds);
    this.compared = kept.map(({ comparison }) => comparison);
    this.known = new Set(this.compared.map(({ name }) => name));
  }

  /** Whether a case is to be measured now: it has not been, and there is time. Counts those there is none for. */
  wants(name: string): boolean {
    if (this.known.has(name)) return false;
    const isLate = performance.now() - this.begun > (this.options.budgetSeconds ?? Infinity) * 1e3;
    if (isLate) this.left++;
    return !isLate;
  }

  add(comparison: Comparison): void {
    this.compared.push(comparison);
    this.known.add(comparison.name);
    const kept: Kept = { builds: this.options.builds, comparison };
    if (this.options.path !== undefined) appendFileSync(this.options.path, `${JSON.stringify(kept)}\n`);
  }
}
