import { ArgumentError } from '@scmoe/errors';

import type { Routing } from './Routing.js';

/** How the tokens fell on the experts, in plain numbers. */
export interface RoutingStatistics {
  /** Choices of each expert before any was dropped; of experts with a feed-forward network, as all that follows. */
  load: number[];
  /** Share of choices that found no slot. */
  droppedShare: number;
  /** Entropy of the load in units of its largest value, log(numExperts): 1 = even, 0 = one expert gets everything. */
  entropy: number;
  /** Load of the busiest expert over the even share. */
  maxOverMean: number;
  /** Share of all choices that went to zero-computation experts; absent where there are none. */
  zeroExpertShare?: number;
}

type Counts = Pick<Routing, 'load' | 'counts'>;

/**
 * How evenly the experts are used, over one or several layers or steps (their loads are added up). Reads from the
 * device: call it between steps, not inside one.
 */
export async function routingStatistics(routings: Counts | readonly Counts[]): Promise<RoutingStatistics> {
  const all = Array.isArray(routings) ? (routings as readonly Counts[]) : [routings as Counts];
  const load: number[] = [];
  let kept = 0;
  let ofZeroExperts = 0;
  let hasZeroExperts = false;
  for (const routing of all) {
    const [before, after] = await Promise.all([routing.load.data(), routing.counts.data()]);
    const numExperts = after.length;
    if (load.length > 0 && load.length !== numExperts)
      throw new ArgumentError(`routingStatistics: all layers must have ${load.length} experts, got ${numExperts}`);
    before.forEach((count, e) => {
      if (e < numExperts) load[e] = (load[e] ?? 0) + count;
      else ofZeroExperts += count;
    });
    hasZeroExperts ||= before.length > numExperts;
    for (const count of after) kept += count;
  }
  const statistics = describeLoad(load, kept);
  if (!hasZeroExperts) return statistics;
  const choices = load.reduce((sum, count) => sum + count, ofZeroExperts);
  return { ...statistics, zeroExpertShare: choices > 0 ? ofZeroExperts / choices : 0 };
}

/** The same from numbers: `load` before drops, `kept` choices after. */
export function describeLoad(load: readonly number[], kept: number): RoutingStatistics {
  const total = load.reduce((sum, count) => sum + count, 0);
  if (total === 0) return { load: [...load], droppedShare: 0, entropy: 1, maxOverMean: 1 };
  const shares = load.map((count) => count / total);
  const entropy = shares.reduce((sum, share) => sum - (share > 0 ? share * Math.log(share) : 0), 0);
  return {
    load: [...load],
    droppedShare: 1 - kept / total,
    entropy: load.length > 1 ? entropy / Math.log(load.length) : 1,
    maxOverMean: Math.max(...shares) * load.length,
  };
}
