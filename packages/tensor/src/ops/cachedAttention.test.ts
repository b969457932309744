import { relativeError } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { attention, cachedAttention, KeyValueCache, type CachedAttentionOptions, type Rope } from '../index.js';
import { availableBackends } from '../testing/backends.js';

const normal = (shape: [number, number, number], seed: number) =>
  tf.randomNormal<tf.Rank.R3>(shape, 0, 1, 'float32', seed);
const rows = (x: tf.Tensor3D, first: number, count: number) => tf.slice(x, [0, first, 0], [1, count, -1]);
const joined = (parts: tf.Tensor3D[]) => (parts.length > 1 ? tf.concat(parts, 1) : parts[0]!);
const bits = (x: tf.Tensor) => [...new Int32Array((x.dataSync() as Float32Array).buffer.slice(0))];

/** A sequence: its queries, keys and values, and how many tokens come in each step. */
interface Sequence {
  q: tf.Tensor3D;
  k: tf.Tensor3D;
  v: tf.Tensor3D;
  steps: number[];
}

/** Outputs of each sequence, with those whose step has tokens in one call. */
function runTogether(sequences: readonly Sequence[], options: CachedAttentionOptions): tf.Tensor3D[] {
  const caches = sequences.map(() => new KeyValueCache());
  const outputs: tf.Tensor3D[][] = sequences.map(() => []);
  const numSteps = Math.max(...sequences.map(({ steps }) => steps.length));
  for (let step = 0; step < numSteps; step++) {
    const present = sequences.map((_, i) => i).filter((i) => (sequences[i]!.steps[step] ?? 0) > 0);
    if (present.length === 0) continue;
    const parts = present.map((i) => ({ cache: caches[i]!, count: sequences[i]!.steps[step]! }));
    const input = (name: 'q' | 'k' | 'v') =>
      joined(present.map((i, at) => rows(sequences[i]![name], caches[i]!.length, parts[at]!.count)));
    const y = cachedAttention(input('q'), input('k'), input('v'), parts, options);
    let first = 0;
    present.forEach((i, at) => {
      outputs[i]!.push(rows(y, first, parts[at]!.count));
      first += parts[at]!.count;
    });
  }
  caches.forEach((cache) => cache.dispose());
  return outputs.map(joined);
}

describe.each(availableBackends())('cachedAttention on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  const size = 16;
  const sequence = (seed: number, steps: number[], heads: number, kvHeads: number): Sequence => {
    const length = steps.reduce((a, b) => a + b);
    return {
      q: normal([1, length, heads * size], seed),
      k: normal([1, length, kvHeads * size], seed + 1),
      v: normal([1, length, kvHeads * size], seed + 2),
      steps,
    };
  };

  it.each<[string, { rope?: Rope; window?: number; sinks?: number[] }, number, number]>([
    ['without rotation', {}, 4, 4],
    ['with halves that turn', { rope: { style: 'half' } }, 4, 2],
    ['with pairs that turn', { rope: { style: 'interleaved', theta: 500 } }, 6, 1],
    ['in a window', { rope: { style: 'half' }, window: 9 }, 4, 2],
    ['beside sinks', { sinks: [-1, 0, 0.5, 3] }, 4, 4],
    ['in a window beside sinks', { rope: { style: 'half' }, window: 4, sinks: [-1, 0, 0.5, 3] }, 4, 2],
  ])('gives what attention gives, whoever shares the call, %s', (_, { sinks, ...how }, numHeads, numKvHeads) => {
    tf.tidy(() => {
      const options = { numHeads, numKvHeads, ...how, ...(sinks && { sinks: tf.tensor1d(sinks) }) };
      const sequences = [
        sequence(1, [7, 1, 1, 1, 5, 1], numHeads, numKvHeads),
        sequence(20, [1, 1, 1], numHeads, numKvHeads),
        // One that joins late and outgrows its first room.
        sequence(40, [0, 0, 60, 1, 1, 40, 1], numHeads, numKvHeads),
      ];
      const together = runTogether(sequences, options);
      sequences.forEach((one, i) => {
        const alone = runTogether([one], options)[0]!;
        expect(bits(together[i]!)).toEqual(bits(alone));
        // Keys turned before and sums in another order: float32.
        expect(relativeError(alone, attention(one.q, one.k, one.v, options))).toBeLessThan(1e-5);
      });
    });
  });

  it.each([undefined, 100])(
    'has the factor of a length for those sequences that reach beyond it, window %p',
    (window) => {
      tf.tidy(() => {
        const rope: Rope = { style: 'half', factor: 1.1, beyond: { length: 4, factor: 1.7 } };
        const options = { numHeads: 2, numKvHeads: 1, window };
        const [short, long] = [sequence(1, [4], 2, 1), sequence(9, [5], 2, 1)];
        const outputs = runTogether([short, long], { ...options, rope });
        for (const [i, factor] of [1.1, 1.7].entries()) {
          const { q, k, v } = [short, long][i]!;
          const expected = attention(q, k, v, { ...options, rope: { style: 'half', factor } });
          expect(relativeError(outputs[i]!, expected)).toBeLessThan(1e-5);
          expect(relativeError(attention(q, k, v, { ...options, rope }), expected)).toBeLessThan(1e-6);
        }
      });
    },
  );

  it('takes keys for values where there are none', () => {
    tf.tidy(() => {
      const [q, k] = [normal([1, 3, 4 * size], 1), normal([1, 3, size], 2)];
      const cache = new KeyValueCache();
      const y = cachedAttention(q, k, undefined, [{ cache, count: 3 }], { numHeads: 4, numKvHeads: 1, scale: 0.3 });
      expect(cache.values).toBe(cache.keys);
      cache.dispose();
      expect(relativeError(y, attention(q, k, k, { numHeads: 4, numKvHeads: 1, scale: 0.3 }))).toBeLessThan(1e-5);
    });
  });

  it('goes on from a copy of a beginning as from the beginning itself', () => {
    tf.tidy(() => {
      const { q, k, v } = sequence(1, [9], 2, 2);
      const options = { numHeads: 2, rope: { style: 'half' } } as const;
      const cache = new KeyValueCache();
      cachedAttention(rows(q, 0, 6), rows(k, 0, 6), rows(v, 0, 6), [{ cache, count: 6 }], options);
      const copy = cache.copy(4);
      // What the original gets after the copy was made is not in the copy.
      cachedAttention(rows(q, 0, 2), rows(k, 0, 2), rows(v, 0, 2), [{ cache, count: 2 }], options);
      const y = cachedAttention(rows(q, 4, 5), rows(k, 4, 5), rows(v, 4, 5), [{ cache: copy, count: 5 }], options);
      const whole = attention(q, k, v, options);
      expect(relativeError(y, rows(whole, 4, 5))).toBeLessThan(1e-5);
      expect([cache.length, copy.length]).toEqual([8, 9]);
      expect(() => cache.copy(9)).toThrow(/length: expected at most the 8 tokens held, in rows \(\d+, 32\), got 9/);
      cache.dispose();
      copy.dispose();
    });
  });

  it('leaves nothing behind but the caches, and nothing of these when they are disposed', () => {
    const before = tf.memory().numTensors;
    const caches = [new KeyValueCache(), new KeyValueCache()];
    for (let step = 0; step < 40; step++) {
      tf.tidy(() => {
        const x = normal([1, 2, 2 * size], step);
        const parts = caches.map((cache) => ({ cache, count: 1 }));
        cachedAttention(x, x, x, parts, { numHeads: 2, rope: { style: 'half' } });
      });
    }
    expect(tf.memory().numTensors).toBe(before + 4);
    expect(caches[0]!.numBytes).toBeGreaterThanOrEqual(2 * 4 * 40 * 2 * size);
    caches.forEach((cache) => cache.dispose());
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses what does not fit, by name', () => {
    const cache = new KeyValueCache();
    const x = normal([1, 2, 32], 1);
    const run =
      (change: object, options: object = {}) =>
      () => {
        const { q, k, v, parts } = { q: x, k: x, v: x, parts: [{ cache, count: 2 }], ...change };
        cachedAttention(q, k, v, parts, { numHeads: 2, ...options });
      };
    expect(run({ parts: [{ cache, count: 3 }] })).toThrow(/q: expected \(1, 3, 32\)/);
    expect(run({ parts: [{ cache, count: 0 }] })).toThrow(/parts\[0\].count: expected a positive integer, got 0/);
    const twice = [1, 1].map((count) => ({ cache, count }));
    expect(run({ parts: twice })).toThrow(/expected a cache of its own for each, got one twice/);
    expect(run({}, { numHeads: 3 })).toThrow(/width of q: expected a multiple of numHeads 3, got 32/);
    expect(run({}, { numKvHeads: 3 })).toThrow(/numKvHeads: expected a divisor of numHeads 2, got 3/);
    expect(run({ k: normal([1, 2, 16], 1) })).toThrow(/k: expected \(1, 2, 32\)/);
    expect(run({}, { window: 0 })).toThrow(/window: expected a positive integer, got 0/);
    expect(run({}, { sinks: tf.zeros([3]) })).toThrow(/sinks: expected \(2\)/);
    run({})();
    const wide = normal([1, 2, 64], 1);
    expect(run({ q: wide, k: wide, v: wide })).toThrow(
      /append: expected rows of width 32, as the tokens before, got 64/,
    );
    expect(run({ v: undefined })).toThrow(/expected values beside the keys always or never/);
    cache.dispose();
  });
});
