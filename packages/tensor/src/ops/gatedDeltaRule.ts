import { expectFinite, expectPositiveInteger, expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { expectDtype, expectRank, expectShape } from './check.js';
import { unitLowerInverse } from './unitLowerInverse.js';

/** What the gated delta rule reads of each token, float32. */
export interface GatedDeltaInputs {
  /** Queries and keys (B, S, Hk, K), normalised by who calls. */
  q: tf.Tensor4D;
  k: tf.Tensor4D;
  /** Values (B, S, Hv, V). Each key head serves Hv / Hk value heads, neighbours of each other. */
  v: tf.Tensor4D;
  /** Logarithm (B, S, Hv), at most 0, of the share of the state that each token keeps. */
  logDecay: tf.Tensor3D;
  /** How much of what a key recalls its value replaces (B, S, Hv), from 0 to 1. */
  beta: tf.Tensor3D;
}

/** Options of `gatedDeltaRule`. */
export interface GatedDeltaOptions {
  /** State (B, Hv, K, V) behind the tokens that these continue; zeros by default. */
  state?: tf.Tensor4D;
  /** Factor on the queries; 1 / sqrt(K) by default. */
  scale?: number;
  /** Tokens that are worked out together, a power of two. Default: 64. */
  chunkSize?: number;
}

/** What the rule gives: the output of each token (B, S, Hv, V), and the state behind the last (B, Hv, K, V). */
export type GatedDeltaResult = { output: tf.Tensor4D; state: tf.Tensor4D };

/**
 * The gated delta rule (Gated DeltaNet, arXiv 2412.06464, equation 10): a state S (K, V) of each value head, which every token
 * lets decay, corrects and reads,
 *
 *     S = exp(logDecay) S;  S = S + k ⊗ beta (v - Sᵀ k);  output = scale Sᵀ q.
 *
 * Several tokens are worked out in chunks, of which each is a few products (section 3.3 there, the WY form of arXiv 2406.06484);
 * one token by the rule itself. Composed of TF.js's operations, with their gradients.
 *
 * @throws ArgumentError naming the argument when shapes, dtypes or options do not fit
 */
export function gatedDeltaRule(inputs: GatedDeltaInputs, options: GatedDeltaOptions = {}): GatedDeltaResult {
  const sizes = validated(inputs, options);
  const { chunkSize = 64, scale = 1 / Math.sqrt(sizes.keySize), state } = options;
  return tf.tidy(() => {
    const scaled = { ...inputs, q: tf.mul<tf.Tensor4D>(inputs.q, scale) };
    return sizes.length === 1 ? step(scaled, sizes, state) : chunks(scaled, sizes, { state, chunkSize });
  });
}

interface Sizes {
  batch: number;
  length: number;
  keyHeads: number;
  valueHeads: number;
  keySize: number;
  valueSize: number;
}

function step({ q, k, v, logDecay, beta }: GatedDeltaInputs, sizes: Sizes, state?: tf.Tensor4D): GatedDeltaResult {
  const { batch, keyHeads, valueHeads, keySize, valueSize } = sizes;
  const rows = batch * valueHeads;
  const ofEach = (x: tf.Tensor4D): tf.Tensor3D => {
    const grouped: tf.Tensor4D = tf.reshape(x, [batch, keyHeads, 1, keySize]);
    return tf.reshape(tf.tile(grouped, [1, 1, valueHeads / keyHeads, 1]), [rows, 1, keySize]);
  };
  const one = (x: tf.Tensor): tf.Tensor3D => tf.reshape(x, [rows, 1, -1]);
  const [queries, keys, values] = [ofEach(q), ofEach(k), one(v)];
  const kept = state && tf.mul<tf.Tensor3D>(tf.reshape(state, [rows, keySize, valueSize]), tf.exp(one(logDecay)));
  const missing = kept ? tf.sub<tf.Tensor3D>(values, tf.matMul(keys, kept)) : values;
  const added: tf.Tensor3D = tf.matMul(keys, tf.mul<tf.Tensor3D>(missing, one(beta)), true, false);
  const next = kept ? tf.add<tf.Tensor3D>(kept, added) : added;
  return {
    output: tf.reshape(tf.matMul(queries, next), [batch, 1, valueHeads, valueSize]),
    state: tf.reshape(next, [batch, valueHeads, keySize, valueSize]),
  };
}

/**
 * Within a chunk of C tokens, with g the running sum of logDecay, D = exp(gᵢ - gⱼ) for j ≤ i and L = beta k kᵀ D below the
 * diagonal: what the tokens write is (I + L)⁻¹ (beta v - beta exp(g) k S) for the state S before the chunk.
 */
function chunks(
  { q, k, v, logDecay, beta }: GatedDeltaInputs,
  { batch, length, keyHeads, valueHeads, keySize, valueSize }: Sizes,
  { state, chunkSize }: { state?: tf.Tensor4D; chunkSize: number },
): GatedDeltaResult {
  const size = Math.min(chunkSize, 2 ** Math.ceil(Math.log2(length)));
  const numChunks = Math.ceil(length / size);
  const missing = numChunks * size - length;
  const [groups, share] = [batch * keyHeads, valueHeads / keyHeads];
  const heads = groups * share;
  /** (B, S, H, w) -> (groups, heads of one, chunks, C, w), with tokens behind the last that change nothing. */
  const cut = (x: tf.Tensor4D): tf.Tensor5D => {
    const padded = missing === 0 ? x : tf.pad(x, [[0, 0], [0, missing], [0, 0], [0, 0]]); // prettier-ignore
    return tf.reshape(tf.transpose(padded, [0, 2, 1, 3]), [groups, -1, numChunks, size, x.shape[3]]);
  };
  /** (..., rows, w) as matrices, and back. */
  const matrices = (x: tf.Tensor): tf.Tensor3D => tf.reshape(x, [-1, ...x.shape.slice(-2)] as [number, number, number]);
  const perHead = (x: tf.Tensor3D): tf.Tensor5D =>
    tf.reshape(x, [groups, -1, numChunks, ...x.shape.slice(1)] as [number, number, number, number, number]);
  const product = (a: tf.Tensor5D, b: tf.Tensor5D) => perHead(tf.matMul(matrices(a), matrices(b), false, true));

  const [queries, keys, values] = [cut(q), cut(k), cut(v)];
  const [decay, gate] = [cut(tf.expandDims(logDecay, -1)), cut(tf.expandDims(beta, -1))]; // (groups, share, chunks, C, 1)
  const sums: tf.Tensor5D = tf.reshape(tf.cumsum(tf.reshape(decay, [-1, size]), 1), decay.shape);
  const [seen, before] = [triangle(size, 0), triangle(size, 1)];
  const differences = tf.sub(sums, tf.reshape(sums, [groups, share, numChunks, 1, size]));
  // Above the diagonal they are positive and would overflow.
  const between = tf.mul<tf.Tensor5D>(tf.exp(tf.mul(differences, seen)), seen);
  const recalled = tf.mul(tf.mul(tf.mul(product(keys, keys), between), gate), before);
  const inverse = unitLowerInverse(matrices(recalled));

  const reach = tf.exp(sums);
  const read = tf.mul<tf.Tensor5D>(queries, reach);
  const written = tf.concat([matrices(tf.mul(values, gate)), matrices(tf.mul(keys, tf.mul(gate, reach)))], -1);
  const solved = tf.matMul(inverse, written); // (heads * chunks, C, V + K)
  const [fresh, forgotten] = tf.split(solved, [valueSize, keySize], -1) as [tf.Tensor3D, tf.Tensor3D];
  const within = tf.mul(product(queries, keys), between);
  const last = tf.slice(sums, [0, 0, 0, size - 1, 0], [-1, -1, -1, 1, 1]);
  const stored = tf.mul(keys, tf.exp(tf.sub(last, sums)));

  const each = (x: tf.Tensor): tf.Tensor3D[] => {
    const [rows, width] = x.shape.slice(-2) as [number, number];
    // TF.js has no gradient for an unstack that gives one tensor.
    if (numChunks === 1) return [tf.reshape(x, [heads, rows, width])];
    return tf.unstack(tf.reshape(x, [heads, numChunks, rows, width]), 1) as tf.Tensor3D[];
  };
  // What a chunk takes back and what it reads of the state are one product.
  const ofState = each(tf.concat([forgotten, matrices(read)], 1));
  const [ofFresh, ofWithin, ofStored, kept] = [each(fresh), each(within), each(stored), each(tf.exp(last))];
  let current: tf.Tensor3D | undefined = state && tf.reshape(state, [heads, keySize, valueSize]);
  const outputs = ofFresh.map((own, chunk) => {
    let [corrected, output]: [tf.Tensor3D, tf.Tensor3D | undefined] = [own, undefined];
    if (current) {
      const [taken, inherited] = tf.split(tf.matMul(ofState[chunk]!, current), 2, 1) as [tf.Tensor3D, tf.Tensor3D];
      [corrected, output] = [tf.sub<tf.Tensor3D>(own, taken), inherited];
    }
    const added: tf.Tensor3D = tf.matMul(ofStored[chunk]!, corrected, true, false);
    current = current ? tf.add<tf.Tensor3D>(tf.mul(current, kept[chunk]!), added) : added;
    const inside: tf.Tensor3D = tf.matMul(ofWithin[chunk]!, corrected);
    return output ? tf.add<tf.Tensor3D>(output, inside) : inside;
  });
  const whole: tf.Tensor4D = tf.reshape(tf.stack(outputs, 1), [batch, valueHeads, numChunks * size, valueSize]);
  const tokens = missing === 0 ? whole : tf.slice(whole, [0, 0, 0, 0], [-1, -1, length, -1]);
  return {
    output: tf.transpose(tokens, [0, 2, 1, 3]),
    state: tf.reshape(current!, [batch, valueHeads, keySize, valueSize]),
  };
}

/** (C, C): 1 where column j is at least `distance` before row i. */
function triangle(size: number, distance: number): tf.Tensor2D {
  const values = new Float32Array(size * size);
  for (let row = distance; row < size; row++) values.fill(1, row * size, row * size + row - distance + 1);
  return tf.tensor2d(values, [size, size]);
}

function validated(inputs: GatedDeltaInputs, { state, scale, chunkSize = 64 }: GatedDeltaOptions): Sizes {
  const name = 'gatedDeltaRule';
  const { q, k, v, logDecay, beta } = inputs;
  for (const [argument, x] of Object.entries({ ...inputs, ...(state && { state }) }))
    expectDtype(name, argument, x, 'float32');
  for (const [argument, x] of Object.entries({ q, k, v }))
    expectRank(name, argument, x, 4, '(batch, tokens, heads, size)');
  const [batch, length, keyHeads, keySize] = k.shape;
  const [, , valueHeads, valueSize] = v.shape;
  expectPositiveInteger(`${name}: tokens`, length);
  expectShape(name, 'q', q, k.shape, 'as k');
  expectThat(valueHeads % keyHeads === 0, `${name}: heads of v`, `a multiple of the ${keyHeads} of k`, valueHeads);
  expectShape(name, 'v', v, [batch, length, valueHeads, valueSize], 'for the tokens of k');
  for (const [argument, x] of Object.entries({ logDecay, beta }))
    expectShape(name, argument, x, [batch, length, valueHeads], 'for the tokens and heads of v');
  if (state) expectShape(name, 'state', state, [batch, valueHeads, keySize, valueSize], 'for the heads of k and v');
  if (scale !== undefined) expectFinite(`${name}: scale`, scale);
  const isPower = Number.isInteger(chunkSize) && chunkSize >= 2 && Number.isInteger(Math.log2(chunkSize));
  expectThat(isPower, `${name}: chunkSize`, 'a power of two, at least 2', chunkSize);
  return { batch, length, keyHeads, valueHeads, keySize, valueSize };
}
