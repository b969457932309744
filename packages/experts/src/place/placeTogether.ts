import { RandomStream } from '@scmoe/tensor';

import type { Placement } from './placements.js';

const restarts = 8;

/**
 * A placement that keeps experts together that tokens choose together: groups of equal size with the largest sum of counts
 * within them. From a greedy start, the order that there is, and random ones, pairs are swapped as long as it helps. Not always
 * the best, and never worse than the order that there is.
 *
 * @param counts (N, N) symmetric, 0 on the diagonal
 * @param groups divides N
 */
export function placeTogether(counts: readonly (readonly number[])[], groups: number, { seed = 1 } = {}): Placement {
  const numExperts = counts.length;
  const random = new RandomStream({ seed });
  const asItIs = [...counts.keys()];
  const starts = [asItIs, greedy(counts, numExperts / groups)];
  while (starts.length < restarts) starts.push(random.shuffle([...asItIs]));
  let best = { placement: asItIs, within: countsWithin(counts, asItIs, groups) };
  for (const start of starts) {
    const placement = swapped(counts, start, groups);
    const within = countsWithin(counts, placement, groups);
    if (within > best.within * (1 + 1e-12)) best = { placement, within };
  }
  return best.placement;
}

/** The sum of counts within the groups, each pair once. */
export function countsWithin(counts: readonly (readonly number[])[], placement: Placement, groups: number): number {
  const size = placement.length / groups;
  let sum = 0;
  placement.forEach((expert, place) =>
    placement
      .slice(place + 1, (Math.floor(place / size) + 1) * size)
      .forEach((other) => (sum += counts[expert]![other]!)),
  );
  return sum;
}

/** Group after group: the busiest expert that is left, then again and again the one that goes best with those there. */
function greedy(counts: readonly (readonly number[])[], size: number): Placement {
  const left = new Set(counts.keys());
  const placement: number[] = [];
  while (left.size > 0) {
    const inGroup = placement.length % size === 0 ? undefined : placement.slice(-(placement.length % size));
    const value = (expert: number) => (inGroup ?? [...left]).reduce((sum, other) => sum + counts[expert]![other]!, 0);
    const next = [...left].reduce((most, expert) => (value(expert) > value(most) ? expert : most));
    placement.push(next);
    left.delete(next);
  }
  return placement;
}

function swapped(counts: readonly (readonly number[])[], start: Placement, groups: number): Placement {
  const placement = [...start];
  const size = placement.length / groups;
  // (N, groups): what an expert has in common with those of each group.
  const drawn = counts.map((row) =>
    Array.from({ length: groups }, (_, g) =>
      placement.slice(g * size, (g + 1) * size).reduce((sum, other) => sum + row[other]!, 0),
    ),
  );
  const largest = Math.max(1e-30, ...counts.flat());
  for (let gained = true; gained;) {
    gained = false;
    for (let a = 0; a < placement.length; a++)
      for (let b = (Math.floor(a / size) + 1) * size; b < placement.length; b++) {
        const [i, j] = [placement[a]!, placement[b]!];
        const [from, to] = [Math.floor(a / size), Math.floor(b / size)];
        const gain = drawn[i]![to]! + drawn[j]![from]! - drawn[i]![from]! - drawn[j]![to]! - 2 * counts[i]![j]!;
        // A swap that gains nothing but rounding could go on for ever.
        if (gain <= 1e-9 * largest) continue;
        [placement[a], placement[b]] = [j, i];
        counts.forEach((row, e) => {
          drawn[e]![from]! += row[j]! - row[i]!;
          drawn[e]![to]! += row[i]! - row[j]!;
        });
        gained = true;
      }
  }
  return placement;
}
