import { ArgumentError, expectFinite, expectPositiveInteger, expectThat, expectWholeNumber } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { withoutRecording } from '../autodiff/recording.js';
import type { KeyValueCache } from '../cache/KeyValueCache.js';
import { attention } from './attention.js';
import { expectDtype, expectRank, expectShape } from './check.js';
import { expectRope, rotateComposed, ropeOfLength, type Rope } from './rope.js';
import { hasFused, runFusedOne } from './runFused.js';

export const cachedAttentionKernel = 'ScmoeCachedAttention';
/** Turns heads by the positions of their tokens. */
export const rotateRowsKernel = 'ScmoeRotateRows';

/** Tokens that continue one sequence. */
export interface CachedPart {
  /** What the sequence has so far; the tokens come behind it. */
  cache: KeyValueCache;
  /** How many tokens continue it, at least one. */
  count: number;
}

/** Options of `cachedAttention`. */
export interface CachedAttentionOptions {
  numHeads: number;
  /** Heads of keys and values, a divisor of numHeads. Default: numHeads. */
  numKvHeads?: number;
  /** Turns queries and keys by their positions: those of a sequence count on from the tokens that its cache has. */
  rope?: Rope;
  /** Factor on q k; 1 / sqrt(D) by default. */
  scale?: number;
  /** Keys that a query sees, as in `attention`. */
  window?: number;
  /** (H): one more score in every row of a head, as in `attention`. */
  sinks?: tf.Tensor;
}

/** What the kernel of attention receives: every option decided. It appends the new tokens to the caches. */
export interface CachedAttentionAttributes {
  parts: readonly CachedPart[];
  numHeads: number;
  numKvHeads: number;
  scale: number;
  rope?: Rope;
  /** Keys that a query sees; where it is given every part has one token. */
  window?: number;
}

/** What the kernel of the rotation receives. */
export interface RotateRowsAttributes {
  numHeads: number;
  rope: Rope;
  /** Position of each row, now. */
  positions: () => Int32Array;
}

/**
 * Causal attention of new tokens of several sequences, each over its own tokens alone: what `attention` gives for each
 * sequence by itself, bit for bit the same whoever shares the call. The tokens lie one behind the other in one row, those
 * of the first part first. Keys and values are appended to the caches, keys turned by their positions once and for all; no
 * gradient is recorded.
 *
 * @param q (1, T, H * D), T the sum of the counts
 * @param k (1, T, Hkv * D)
 * @param v (1, T, Hkv * D); undefined where keys are their own values
 * @returns (1, T, H * D)
 * @throws ArgumentError naming the argument when shapes, dtypes or options do not fit
 */
export function cachedAttention(
  q: tf.Tensor3D,
  k: tf.Tensor3D,
  v: tf.Tensor3D | undefined,
  parts: readonly CachedPart[],
  options: CachedAttentionOptions,
): tf.Tensor3D {
  const { numHeads, numKvHeads, scale } = validated(q, k, v, parts, options);
  const { rope, window, sinks } = options;
  // A window of one query is a range of keys; those of a prompt's queries differ, which the kernel does not know.
  const isFused = hasFused(cachedAttentionKernel) && (window === undefined || parts.every(({ count }) => count === 1));
  const attributes: CachedAttentionAttributes = { parts, numHeads, numKvHeads, scale, rope, window };
  return withoutRecording(() =>
    tf.tidy(() => {
      if (isFused)
        return runFusedOne(cachedAttentionKernel, { q, k, ...(v && { v }), ...(sinks && { sinks }) }, attributes);
      return parts.length === 1 ? composed(q, k, v, attributes, sinks) : partByPart(q, k, v, parts, options);
    }),
  ) as tf.Tensor3D;
}

/** Each part by itself, so that a token has the same kernel alone and beside a prompt. */
function partByPart(
  q: tf.Tensor3D,
  k: tf.Tensor3D,
  v: tf.Tensor3D | undefined,
  parts: readonly CachedPart[],
  options: CachedAttentionOptions,
): tf.Tensor3D {
  let first = 0;
  const outputs = parts.map((part) => {
    const own = (x: tf.Tensor3D) => tf.slice(x, [0, first, 0], [1, part.count, x.shape[2]]);
    const output = cachedAttention(own(q), own(k), v && own(v), [part], options);
    first += part.count;
    return output;
  });
  return tf.concat(outputs, 1);
}

/** Position of each token that continues a sequence, part by part, before they are appended. */
export function positionsOf(parts: readonly CachedPart[]): Int32Array {
  const positions = new Int32Array(parts.reduce((sum, { count }) => sum + count, 0));
  let row = 0;
  for (const { cache, count } of parts) {
    for (let i = 0; i < count; i++) positions[row++] = cache.length + i;
  }
  return positions;
}

/**
 * Turns each pair of components of each head by the angle of its token's position; no gradient is recorded.
 *
 * @param x (1, T, H * D) with even D
 * @param positions of the T tokens; or what gives them, so that a captured step has those of the moment
 * @returns (1, T, H * D)
 * @throws ArgumentError naming the argument when shapes, dtypes or options do not fit
 */
export function rotateRows(
  x: tf.Tensor3D,
  numHeads: number,
  positions: Int32Array | (() => Int32Array),
  rope: Rope,
): tf.Tensor3D {
  const positionsNow = typeof positions === 'function' ? positions : () => positions;
  const now = positionsNow();
  expectDtype('rotateRows', 'x', x, 'float32');
  expectRank('rotateRows', 'x', x, 3, '(1, tokens, width)');
  const [batch, length, width] = x.shape;
  expectPositiveInteger('rotateRows: numHeads', numHeads);
  expectThat(batch === 1 && width % numHeads === 0, 'rotateRows: x', `(1, T, ${numHeads} * D)`, x.shape);
  expectThat(now.length === length, 'rotateRows: positions', `${length} of them`, now.length);
  for (const position of now) expectWholeNumber('rotateRows: positions', position);
  expectRope('rotateRows', rope, width / numHeads);
  expectThat(!rope.beyond, 'rotateRows: rope.beyond', 'none', rope.beyond);
  if (hasFused(rotateRowsKernel)) {
    const attributes: RotateRowsAttributes = { numHeads, rope, positions: positionsNow };
    return withoutRecording(() => runFusedOne(rotateRowsKernel, { x }, attributes)) as tf.Tensor3D;
  }
  return tf.tidy(() => {
    const perHead: tf.Tensor4D = tf.reshape(x, [1, length, numHeads, width / numHeads]);
    const turned: tf.Tensor4D[] = [];
    // Runs of positions that follow each other turn together.
    let first = 0;
    for (let next = 1; next <= length; next++) {
      if (next < length && now[next] === now[next - 1]! + 1) continue;
      const run: tf.Tensor4D = tf.slice(perHead, [0, first, 0, 0], [1, next - first, -1, -1]);
      turned.push(rotateComposed(run, now[first]!, rope));
      first = next;
    }
    return tf.reshape<tf.Rank.R3>(turned.length > 1 ? tf.concat(turned, 1) : turned[0]!, x.shape);
  });
}

/** One part with the attention of the backend. */
function composed(
  q: tf.Tensor3D,
  k: tf.Tensor3D,
  v: tf.Tensor3D | undefined,
  { parts, numHeads, numKvHeads, scale, rope, window }: CachedAttentionAttributes,
  sinks: tf.Tensor | undefined,
): tf.Tensor3D {
  const [{ cache, count }] = parts as [CachedPart];
  const positions = positionsOf(parts);
  const own = rope && ropeOfLength(rope, cache.length + count);
  const queries = own ? rotateRows(q, numHeads, positions, own) : q;
  const keys = own ? rotateRows(k, numKvHeads, positions, own) : k;
  cache.append(keys, v, { first: 0, count });
  const held = (rows: tf.Tensor2D) =>
    tf.reshape<tf.Rank.R3>(tf.slice(rows, [0, 0], [cache.length, -1]), [1, cache.length, rows.shape[1]]);
  const options = { numHeads, numKvHeads, scale, causal: true, window, sinks };
  return attention(queries, held(cache.keys!), held(cache.values!), options);
}

function validated(
  q: tf.Tensor3D,
  k: tf.Tensor3D,
  v: tf.Tensor3D | undefined,
  parts: readonly CachedPart[],
  { numHeads, numKvHeads = numHeads, rope, scale, window, sinks }: CachedAttentionOptions,
): { numHeads: number; numKvHeads: number; scale: number } {
  const name = 'cachedAttention';
  for (const [argument, x] of Object.entries({ q, k, ...(v && { v }) })) {
    expectDtype(name, argument, x, 'float32');
    expectRank(name, argument, x, 3, '(1, tokens, width)');
  }
  expectPositiveInteger(`${name}: numHeads`, numHeads);
  const divides = Number.isInteger(numKvHeads) && numKvHeads >= 1 && numHeads % numKvHeads === 0;
  expectThat(divides, `${name}: numKvHeads`, `a divisor of numHeads ${numHeads}`, numKvHeads);
  for (const [index, { count }] of parts.entries()) expectPositiveInteger(`${name}: parts[${index}].count`, count);
  if (new Set(parts.map(({ cache }) => cache)).size < parts.length)
    throw new ArgumentError(`${name}: parts: expected a cache of its own for each, got one twice`);
  const tokens = parts.reduce((sum, { count }) => sum + count, 0);
  const width = q.shape[2];
  expectShape(name, 'q', q, [1, tokens, width], 'for the tokens of all parts');
  const isShared = width > 0 && width % numHeads === 0;
  expectThat(isShared, `${name}: the width of q`, `a multiple of numHeads ${numHeads}`, width);
  const size = width / numHeads;
  const why = `for ${tokens} tokens and ${numKvHeads} key heads of ${size}`;
  for (const [argument, x] of Object.entries({ k, ...(v && { v }) }))
    expectShape(name, argument, x, [1, tokens, numKvHeads * size], why);
  if (rope) expectRope(name, rope, size);
  if (scale !== undefined) expectFinite(`${name}: scale`, scale);
  if (window !== undefined) expectPositiveInteger(`${name}: window`, window);
  if (sinks) {
    expectDtype(name, 'sinks', sinks, 'float32');
    expectShape(name, 'sinks', sinks, [numHeads], 'for as many heads');
  }
  return { numHeads, numKvHeads, scale: scale ?? 1 / Math.sqrt(size) };
}
