import { RandomStream } from '@scmoe/tensor';

import { ExpertCache, type EvictionPolicy } from './ExpertCache.js';

/** Uses that found their expert in a cache of `numSlots`, where all that will come is known, or nothing. */
function hitsOf(trace: readonly number[], numSlots: number, policy: EvictionPolicy): number {
  const cache = new ExpertCache(numSlots, policy);
  cache.expect(trace);
  let hits = 0;
  for (const key of trace) {
    const found = cache.find(key);
    if (found !== undefined) hits++;
    const slot = found ?? cache.place(key)!;
    cache.use(slot);
    cache.release(slot);
  }
  return hits;
}

/** The most hits that any choice of what goes can have. */
function bestHits(trace: readonly number[], numSlots: number, held: readonly number[] = []): number {
  if (trace.length === 0) return 0;
  const [key, ...rest] = trace as [number, ...number[]];
  if (held.includes(key)) return 1 + bestHits(rest, numSlots, held);
  if (held.length < numSlots) return bestHits(rest, numSlots, [...held, key]);
  return Math.max(...held.map((gone) => bestHits(rest, numSlots, [...held.filter((other) => other !== gone), key])));
}

function randomTrace(seed: number, { length, numExperts }: { length: number; numExperts: number }): number[] {
  const random = new RandomStream({ seed });
  return Array.from({ length }, () => random.int(numExperts));
}

describe('ExpertCache', () => {
  it('has as many hits by Belady as the best choice of all can have', () => {
    for (let seed = 0; seed < 20; seed++) {
      const trace = randomTrace(seed, { length: 10, numExperts: 5 });
      expect(hitsOf(trace, 2, 'belady')).toBe(bestHits(trace, 2));
      expect(hitsOf(trace, 3, 'belady')).toBe(bestHits(trace, 3));
    }
  });

  it('has never fewer hits by Belady than by last use, and on some traces more', () => {
    let gained = 0;
    for (let seed = 0; seed < 20; seed++) {
      const trace = randomTrace(seed, { length: 300, numExperts: 8 });
      const [belady, lru] = [hitsOf(trace, 3, 'belady'), hitsOf(trace, 3, 'lru')];
      expect(belady).toBeGreaterThanOrEqual(lru);
      gained += belady - lru;
    }
    expect(gained).toBeGreaterThan(500);
  });

  it('hits as often as a slot is among experts, where they are drawn evenly and what comes is not known', () => {
    const trace = randomTrace(7, { length: 20_000, numExperts: 8 });
    // Standard deviation of the mean: sqrt(0.375 * 0.625 / 20000) = 0.0034.
    expect(Math.abs(hitsOf(trace, 3, 'lru') / trace.length - 3 / 8)).toBeLessThan(0.014);
  });

  it('gives nothing away for something ahead that is known to come before, nor what is in use or being read', () => {
    const busy = new Set<number>();
    const cache = new ExpertCache(3, 'belady', (slot) => busy.has(slot));
    const [a, b, c] = [10, 11, 12].map((key) => cache.place(key)!) as [number, number, number];
    cache.expect([10]);
    cache.use(b);
    busy.add(c);
    expect(cache.place(20, { ahead: true })).toBeUndefined();
    // What is needed now may have it: the later use can be read again.
    expect(cache.place(20)).toBe(a);
    cache.release(b);
    expect(cache.place(21, { ahead: true })).toBe(b);
    expect([10, 11, 12, 20, 21].map((key) => cache.find(key) !== undefined)).toEqual([false, false, true, true, true]);
  });

  it('forgets what was told of some experts', () => {
    const cache = new ExpertCache(1);
    cache.expect([1, 2, 3, 2]);
    cache.forget((key) => key === 2);
    expect(cache.coming).toEqual([1, 3]);
  });
});
