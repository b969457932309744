import { expectGradientsMatch, relativeError } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { attention, type AttentionOptions, type Rope } from '../index.js';
import { availableBackends } from '../testing/backends.js';

const [batch, heads, kvHeads, size] = [2, 4, 2, 6];

/** Numbers from -1 to 1, the same ones for the same seed. */
function values(count: number, seed: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + 1) + 78.233 * seed));
}

const draw = (length: number, numHeads: number, seed: number) =>
  tf.tensor3d(values(batch * length * numHeads * size, seed), [batch, length, numHeads * size]);

interface Case {
  queries: number;
  keys: number;
  window?: number;
  hasSinks?: boolean;
  rope?: Rope;
  /** Keys at the beginning that are padding. */
  numMasked?: number;
}

/** Softmax attention as its definition has it, number by number in float64. */
function byDefinition(inputs: tf.Tensor[], { queries, keys, window = Infinity, rope, numMasked = 0 }: Case) {
  const [q, k, v, sinks] = inputs.map((x) => x.dataSync());
  const turned = (x: ArrayLike<number>, numHeads: number, b: number, t: number, h: number, position: number) => {
    const at = ((b * (x === q ? queries : keys) + t) * numHeads + h) * size;
    const row = Array.from({ length: size }, (_, i) => x[at + i]!);
    if (!rope) return row;
    const { style, theta = 10000, size: turning = size, factor = 1 } = rope;
    const result = [...row];
    for (let i = 0; i < turning / 2; i++) {
      const [one, other] = style === 'half' ? [i, i + turning / 2] : [2 * i, 2 * i + 1];
      const angle = position * (rope.frequencies?.[i] ?? theta ** ((-2 * i) / turning));
      result[one] = factor * (row[one]! * Math.cos(angle) - row[other]! * Math.sin(angle));
      result[other] = factor * (row[other]! * Math.cos(angle) + row[one]! * Math.sin(angle));
    }
    return result;
  };
  const out = new Float32Array(batch * queries * heads * size);
  for (let b = 0; b < batch; b++)
    for (let t = 0; t < queries; t++)
      for (let h = 0; h < heads; h++) {
        const own = Math.floor((h * kvHeads) / heads);
        const position = keys - queries + t;
        const query = turned(q!, heads, b, t, h, position);
        const seen = Array.from({ length: keys }, (_, j) => j).filter(
          (j) => j <= position && j > position - window && j >= numMasked,
        );
        const scores = seen.map((j) => {
          const key = turned(k!, kvHeads, b, j, own, j);
          return key.reduce((sum, value, i) => sum + value * query[i]!, 0) / Math.sqrt(size);
        });
        const sum = [...scores, ...(sinks ? [sinks[h]!] : [])].reduce((total, score) => total + Math.exp(score), 0);
        for (const [i, j] of seen.entries())
          for (let c = 0; c < size; c++)
            out[((b * queries + t) * heads + h) * size + c]! +=
              (Math.exp(scores[i]!) / sum) * v![((b * keys + j) * kvHeads + own) * size + c]!;
      }
  return tf.tensor3d(out, [batch, queries, heads * size]);
}

const partial: Rope = { style: 'interleaved', size: 4, theta: 100 };
const scaled: Rope = { style: 'half', frequencies: [1, 0.3, 0.01], factor: 1.2 };

const cases: [string, Case][] = [
  ['a window', { queries: 7, keys: 7, window: 3 }],
  ['a window over several blocks', { queries: 150, keys: 150, window: 5 }],
  ['a window behind a cache', { queries: 3, keys: 9, window: 4 }],
  ['a window of one query, which cuts the cache', { queries: 1, keys: 9, window: 4 }],
  ['a window that hides nothing', { queries: 5, keys: 5, window: 5 }],
  ['sinks', { queries: 5, keys: 5, hasSinks: true }],
  ['sinks behind a cache, with padding', { queries: 3, keys: 6, hasSinks: true, numMasked: 2 }],
  ['sinks and a window', { queries: 7, keys: 7, window: 3, hasSinks: true }],
  ['sinks and a window of one query', { queries: 1, keys: 7, window: 3, hasSinks: true }],
  ['a window with padding', { queries: 7, keys: 7, window: 5, numMasked: 2 }],
  ['rope on a part of each head', { queries: 4, keys: 6, rope: partial }],
  ['rope by given angles, with a factor', { queries: 4, keys: 6, rope: scaled }],
  ['rope and a window', { queries: 6, keys: 6, window: 2, rope: { style: 'half' } }],
  ['rope and sinks', { queries: 4, keys: 6, hasSinks: true, rope: { style: 'interleaved' } }],
  ['scaled rope, sinks and a window', { queries: 6, keys: 8, window: 3, hasSinks: true, rope: scaled }],
];

describe.each(availableBackends())('attention on %s with', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it.each(cases)('%s', (_, given) => {
    const { queries, keys, window, hasSinks, rope, numMasked } = given;
    tf.tidy(() => {
      const inputs: tf.Tensor[] = [draw(queries, heads, 1), draw(keys, kvHeads, 2), draw(keys, kvHeads, 3)];
      if (hasSinks) inputs.push(tf.tensor1d(values(heads, 4)));
      const row = Array.from({ length: keys }, (__, j) => j >= (numMasked ?? 0));
      const mask = numMasked ? tf.tensor2d([row, row], undefined, 'bool') : undefined;
      const options: AttentionOptions = { numHeads: heads, numKvHeads: kvHeads, window, rope, mask };
      const run = (...[q, k, v, sinks]: tf.Tensor[]) => attention(q!, k!, v!, { ...options, sinks });
      // Float32 products of six numbers, and a softmax of at most ten: as in attention.test.ts.
      expect(relativeError(run(...inputs), byDefinition(inputs, given))).toBeLessThan(1e-5);
      const r = draw(queries, heads, 5);
      const projected = (...each: tf.Tensor[]) => tf.sum(tf.mul(run(...each), r));
      if (queries < 100) expectGradientsMatch(projected, inputs);
    });
  });

  it('refuses options that do not fit', () => {
    const [q, k] = [draw(4, heads, 1), draw(4, kvHeads, 2)];
    const run = (options: Partial<AttentionOptions>) => () =>
      attention(q, k, k, { numHeads: heads, numKvHeads: kvHeads, ...options });
    expect(run({ window: 0 })).toThrow(/window: expected .* got 0/);
    expect(run({ window: 2, causal: false })).toThrow('attention: window: expected none without a causal mask, got 2');
    expect(run({ sinks: tf.zeros([3]) })).toThrow(/sinks: expected \(4\) for as many heads, got \(3\)/);
    expect(run({ rope: { style: 'half', size: 8 } })).toThrow(
      /rope.size: expected an even number up to the head size 6/,
    );
    expect(run({ rope: { style: 'half', frequencies: [1] } })).toThrow(
      /rope.frequencies: expected 3, one for each pair/,
    );
    tf.dispose([q, k]);
  });
});
