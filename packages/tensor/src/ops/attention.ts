import { expectFinite, expectPositiveInteger, expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { expectDtype, expectRank, expectShape, shapeText } from './check.js';
import { withSinks } from './attentionSinks.js';
import { inWindows } from './attentionWindow.js';
import { expectRope, isPlainRope, rotateComposed, ropeOfLength, type Rope } from './rope.js';
import { firstGradient, fusedGradients, hasFused, runFused } from './runFused.js';

export const attentionKernel = 'ScmoeAttention';
/** The same with a mask among its inputs, which is apart because TF.js can't save an input that may be absent. */
export const maskedAttentionKernel = 'ScmoeMaskedAttention';
/** Native kernels of attention, for `keep` of `recomputed`: they cost the more for what they give the longer the sequence. */
export const attentionKernels: ReadonlySet<string> = new Set([attentionKernel, maskedAttentionKernel]);
export const attentionBackwardKernel = 'ScmoeAttentionBackward';

/** Options of `attention`. */
export interface AttentionOptions {
  numHeads: number;
  /** Heads of keys and values, a divisor of numHeads: query head h reads head floor(h * numKvHeads / numHeads). */
  numKvHeads?: number;
  /** Query i sees keys 0 ... Sk - S + i: the last query is aligned to the last key, so a key cache may be longer. */
  causal?: boolean;
  /** Turns queries and keys by their positions before the product: query i stands at Sk - S + i, key j at j. */
  rope?: Rope;
  /** Factor on q k; 1 / sqrt(D) by default. */
  scale?: number;
  /**
   * (B, Sk) bool: a key where it is false, such as that of a padded token, is seen by no query. A query that sees no key
   * gives 0, with gradients of 0, as PyTorch's `scaled_dot_product_attention` does. As there, a key or value that is NaN is
   * not hidden.
   */
  mask?: tf.Tensor;
  /** Keys that a query sees, its own the last of them; all before it by default. With `causal` alone. */
  window?: number;
  /**
   * (H): one more score in every row of a head's softmax, not scaled and never masked, whose share goes nowhere, so that the
   * others sum to less than 1 (gpt-oss, arXiv 2508.10925).
   */
  sinks?: tf.Tensor;
}

/** What the kernels receive: every option decided. */
export interface AttentionAttributes {
  numHeads: number;
  numKvHeads: number;
  causal: boolean;
  ropeStyle: 'none' | Rope['style'];
  ropeTheta: number;
  scale: number;
}

/**
 * Multi-head attention, softmax(scale * q kᵀ + mask) v for each head (Vaswani et al., arXiv 1706.03762, equation 1).
 * Head h owns columns hD ... hD + D - 1. The native kernel keeps no S x Sk matrix: for its gradient it saves the
 * logsumexp of each row (Dao et al., FlashAttention, arXiv 2205.14135). Angles of rope that are not the plain ones are
 * applied before it; of a window that hides something the rows are computed in blocks, with a matrix for each.
 *
 * @param q (B, S, H * D)
 * @param k (B, Sk, Hkv * D)
 * @param v (B, Sk, Hkv * D)
 * @returns (B, S, H * D)
 * @throws ArgumentError naming the argument when shapes, dtypes or options do not fit
 */
export function attention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, options: AttentionOptions): tf.Tensor3D {
  const attributes = validated(q, k, v, options);
  const { mask, rope, window = Infinity, sinks } = options;
  const [keys, size] = [k.shape[1]!, q.shape[2]! / attributes.numHeads];
  const hides = window < keys && q.size > 0;
  const isTurnedBefore = rope !== undefined && (hides || sinks !== undefined || !isPlainRope(rope, size));
  if (hides || sinks || isTurnedBefore) {
    const { ropeStyle: _, ropeTheta: __, ...given } = attributes;
    return tf.tidy(() => {
      const turned = isTurnedBefore ? turn(q, k, ropeOfLength(rope, keys), given) : { q, k };
      const attend = (each: typeof turned & { v: tf.Tensor; mask?: tf.Tensor }) => {
        const own = { ...given, mask: each.mask };
        return sinks
          ? withSinks(each.q, each.k, each.v, sinks, own, attention)
          : attention(each.q, each.k, each.v, own);
      };
      if (!hides) return attend({ ...turned, v, mask });
      return inWindows({ ...turned, v, mask }, window, (blockQ, blockK, blockV, { mask: blockMask, isWhole }) =>
        isWhole
          ? attend({ q: blockQ, k: blockK, v: blockV, mask: blockMask })
          : attentionComposed(blockQ, blockK, blockV, attributesWithoutRope(attributes), {
              mask: blockMask,
              window,
              sinks,
            }),
      );
    });
  }
  if (!hasFused(attentionKernel)) return attentionComposed(q, k, v, attributes, { mask });
  const results = mask
    ? runFused(maskedAttentionKernel, { q, k, v, mask }, attributes)
    : runFused(attentionKernel, { q, k, v }, attributes);
  const [out, logsumexp] = results as [tf.Tensor3D, tf.Tensor];
  logsumexp.dispose(); // the tape keeps its own handle
  return out;
}

/** The same from plain TF.js ops, with their gradients; keeps the S x Sk matrices. */
export function attentionComposed(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  { numHeads, numKvHeads, causal, ropeStyle, ropeTheta, scale }: AttentionAttributes,
  { mask, window = Infinity, sinks }: Pick<AttentionOptions, 'mask' | 'window' | 'sinks'> = {},
): tf.Tensor3D {
  return tf.tidy(() => {
    const [batch, queries, width] = q.shape as [number, number, number];
    const keys = k.shape[1]!;
    const size = width / numHeads;
    // No query: nothing to compute, but all three inputs stay on the path to the (empty) result.
    if (q.size === 0) return tf.mul<tf.Tensor3D>(q, tf.add(tf.sum(k), tf.sum(v)));
    // (B, length, heads * D) -> (B, heads, length, D)
    const split = (x: tf.Tensor, heads: number, firstPosition: number | undefined): tf.Tensor4D => {
      const perHead = tf.reshape<tf.Rank.R4>(x, [batch, x.shape[1]!, heads, size]);
      const placed =
        ropeStyle === 'none' || firstPosition === undefined
          ? perHead
          : rotateComposed(perHead, firstPosition, { style: ropeStyle, theta: ropeTheta });
      return tf.transpose(placed, [0, 2, 1, 3]);
    };
    // Query heads of one key head lie side by side: one product serves the group, nothing is repeated.
    const grouped = [batch, numKvHeads, (numHeads / numKvHeads) * queries, size];
    const qHeads = tf.reshape(split(q, numHeads, keys - queries), grouped);
    const scores = tf.mul(tf.matMul(qHeads, split(k, numKvHeads, 0), false, true), scale);
    const perQuery = tf.reshape(scores, [batch, numHeads, queries, keys]);
    const isHidden = causal ? causallyHidden(queries, keys, window) : undefined;
    const softmax = sinks ? (each: tf.Tensor) => sunkSoftmax(each, sinks) : (each: tf.Tensor) => tf.softmax(each);
    const weights = tf.reshape(
      mask ? maskedSoftmax(perQuery, mask, softmax, isHidden) : softmax(isHidden ? hide(perQuery, isHidden) : perQuery),
      scores.shape,
    );
    const out = tf.matMul(weights, split(v, numKvHeads, undefined));
    const perHead = tf.reshape(out, [batch, numHeads, queries, size]);
    return tf.reshape(tf.transpose(perHead, [0, 2, 1, 3]), [batch, queries, width]);
  });
}

for (const [kernelName, inputsToSave] of [
  [attentionKernel, ['q', 'k', 'v']],
  [maskedAttentionKernel, ['q', 'k', 'v', 'mask']],
] as const) {
  tf.registerGradient({
    kernelName,
    inputsToSave: [...inputsToSave],
    outputsToSave: [true, true],
    gradFunc: (dy, saved, attributes) => {
      const names = [...inputsToSave, 'out', 'logsumexp'];
      const inputs = Object.fromEntries(names.map((name, i) => [name, saved[i]!]));
      return fusedGradients(
        attentionBackwardKernel,
        ['q', 'k', 'v'],
        { dOut: firstGradient(dy), ...inputs },
        attributes,
      );
    },
  });
}

/** Softmax of scores (B, H, S, Sk) over the keys that are seen, 0 for the others: all 0 where none is. */
function maskedSoftmax(
  scores: tf.Tensor,
  mask: tf.Tensor,
  softmax: (scores: tf.Tensor) => tf.Tensor,
  isHidden?: tf.Tensor,
): tf.Tensor {
  const isToken = tf.reshape(mask, [mask.shape[0], 1, 1, mask.shape[1]!]);
  const isSeen = isHidden ? tf.logicalAnd(isToken, tf.logicalNot(isHidden)) : isToken;
  return tf.where(isSeen, softmax(tf.where(isSeen, scores, lowest)), 0);
}

/** Softmax of scores (B, H, S, Sk) beside one sink for each head, whose share is left out. */
function sunkSoftmax(scores: tf.Tensor, sinks: tf.Tensor): tf.Tensor {
  const [batch, heads, queries, keys] = scores.shape as [number, number, number, number];
  const column = tf.mul(tf.ones([batch, 1, queries, 1]), tf.reshape(sinks, [1, heads, 1, 1]));
  return tf.slice(tf.softmax(tf.concat([scores, column], 3)), [0, 0, 0, 0], [-1, -1, -1, keys]);
}

/** What makes a softmax exactly 0 beside any other score. */
const lowest = -1e9;

function hide(scores: tf.Tensor, isHidden: tf.Tensor): tf.Tensor {
  return tf.add(scores, tf.mul(tf.cast(isHidden, 'float32'), lowest));
}

/** (S, Sk) bool: where query i may not see key j. */
function causallyHidden(queries: number, keys: number, window: number): tf.Tensor2D {
  const position = tf.expandDims(tf.range(keys - queries, keys), 1);
  const isLater: tf.Tensor2D = tf.greater(tf.range(0, keys), position);
  if (window >= keys) return isLater;
  return tf.logicalOr(isLater, tf.lessEqual(tf.range(0, keys), tf.sub(position, window)));
}

/** Queries and keys turned by their positions, in their own shapes. */
function turn(
  q: tf.Tensor,
  k: tf.Tensor,
  rope: Rope,
  { numHeads, numKvHeads }: Pick<AttentionAttributes, 'numHeads' | 'numKvHeads'>,
): { q: tf.Tensor; k: tf.Tensor } {
  const turned = (x: tf.Tensor, heads: number, firstPosition: number) => {
    const perHead: tf.Tensor4D = tf.reshape(x, [x.shape[0], x.shape[1]!, heads, x.shape[2]! / heads]);
    return tf.reshape(rotateComposed(perHead, firstPosition, rope), x.shape);
  };
  return { q: turned(q, numHeads, k.shape[1]! - q.shape[1]!), k: turned(k, numKvHeads, 0) };
}

function attributesWithoutRope(attributes: AttentionAttributes): AttentionAttributes {
  return { ...attributes, ropeStyle: 'none' };
}

function validated(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  { numHeads, numKvHeads = numHeads, causal = true, rope, scale, mask, window, sinks }: AttentionOptions,
): AttentionAttributes {
  for (const [name, x] of Object.entries({ q, k, v })) {
    expectDtype('attention', name, x, 'float32');
    expectRank('attention', name, x, 3, '(batch, length, width)');
  }
  expectPositiveInteger('attention: numHeads', numHeads);
  const divides = Number.isInteger(numKvHeads) && numKvHeads >= 1 && numHeads % numKvHeads === 0;
  expectThat(divides, 'attention: numKvHeads', `a divisor of numHeads ${numHeads}`, numKvHeads);
  const [batch, queries, width] = q.shape as [number, number, number];
  const isShared = width > 0 && width % numHeads === 0;
  expectThat(isShared, 'attention: the width of q', `a multiple of numHeads ${numHeads}`, width);
  const size = width / numHeads;
  const keys = k.shape[1]!;
  const expected = [batch, keys, numKvHeads * size];
  const why = `for q ${shapeText(q)}, ${numHeads} heads and ${numKvHeads} key heads`;
  for (const [name, x] of Object.entries({ k, v })) expectShape('attention', name, x, expected, why);
  if (mask) {
    expectDtype('attention', 'mask', mask, 'bool');
    expectShape('attention', 'mask', mask, [batch, keys], 'for the keys');
  }
  expectThat(queries === 0 || keys > 0, 'attention: k', 'at least one key', keys);
  const fits = queries <= keys || !(causal || rope);
  const reason = causal ? 'under a causal mask' : 'with rope';
  expectThat(fits, 'attention: q', `at most ${keys} queries, one a key, ${reason}`, queries);
  if (rope) expectRope('attention', rope, size);
  if (window !== undefined) {
    expectPositiveInteger('attention: window', window);
    expectThat(causal, 'attention: window', 'none without a causal mask', window);
  }
  if (sinks) {
    expectDtype('attention', 'sinks', sinks, 'float32');
    expectShape('attention', 'sinks', sinks, [numHeads], 'for as many heads');
  }
  if (scale !== undefined) expectFinite('attention: scale', scale);
  return {
    numHeads,
    numKvHeads,
    causal,
    ropeStyle: rope?.style ?? 'none',
    ropeTheta: rope?.theta ?? 10000,
    scale: scale ?? 1 / Math.sqrt(size),
  };
}
