import { keepHighest } from './keepHighest.js';

/** Groups for each score that is wanted: with more of them, fewer scores pass that are not. */
const groupsEach = 8;

/** Ids of the `count` highest scores, of equal ones the first, in ascending order. @param all 0, 1, 2, ... */
export function highestOf(scores: Float32Array, count: number, all: Int32Array): Int32Array {
  const numGroups = groupsEach * count;
  const size = Math.floor(scores.length / numGroups);
  if (size < 4) return keepHighest(scores, undefined, all, count);
  // The highest of each group: `count` groups have a score that is at least the count-th of these, so no lower one is wanted.
  const highest = new Float32Array(numGroups);
  for (let group = 0, i = 0; group < numGroups; group++) {
    let best = -Infinity;
    for (const end = i + size; i < end; i++) if (scores[i]! > best) best = scores[i]!;
    highest[group] = best;
  }
  return keepHighest(scores, undefined, idsAtLeast(scores, highest.sort()[numGroups - count]!), count);
}

function idsAtLeast(scores: Float32Array, bound: number): Int32Array {
  let count = 0;
  for (let id = 0; id < scores.length; id++) if (scores[id]! >= bound) count++;
  const ids = new Int32Array(count);
  for (let id = 0, next = 0; next < count; id++) if (scores[id]! >= bound) ids[next++] = id;
  return ids;
}
