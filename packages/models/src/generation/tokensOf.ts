import type { SequencePart } from './SequencePredictor.js';

/** The tokens of all parts, one part behind the other, and the place of each in its sequence: (T) each. */
export function tokensOf(parts: readonly Pick<SequencePart, 'ids' | 'cache'>[]): {
  ids: Int32Array;
  places: Int32Array;
} {
  const length = parts.reduce((sum, { ids }) => sum + ids.length, 0);
  const [all, places] = [new Int32Array(length), new Int32Array(length)];
  let first = 0;
  for (const { ids, cache } of parts) {
    const start = cache.length;
    ids.forEach((id, i) => {
      all[first + i] = id;
      places[first + i] = start + i;
    });
    first += ids.length;
  }
  return { ids: all, places };
}
