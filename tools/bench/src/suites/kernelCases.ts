import {
  attention,
  attentionComposed,
  decode,
  decodeComposed,
  dropout,
  dropoutComposed,
  embedding,
  embeddingComposed,
  encode,
  encodeComposed,
  groupedFfn,
  groupedFfnComposed,
  layerNorm,
  layerNormComposed,
  linear,
  linearComposed,
  rmsNorm,
  rmsNormComposed,
  route,
  softmaxCrossEntropy,
  softmaxCrossEntropyComposed,
  swiglu,
  swigluComposed,
} from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

/** A fused operation and its twin from plain TF.js operations. */
export interface KernelCase {
  name: string;
  /** Tensors with a gradient. */
  inputs: tf.Tensor[];
  fused: (...inputs: tf.Tensor[]) => tf.Tensor;
  composed: (...inputs: tf.Tensor[]) => tf.Tensor;
  /** Operations of the forward pass. */
  flops: number;
  /** Least traffic of the forward pass: inputs read once, output written once. */
  bytes: number;
}

const batch = 8;
const length = 256;
const tokens = batch * length;
const d = 256;
const hidden = 1024;
const vocabulary = 8192;
const numExperts = 8;
const float = 4;

const x = () => tf.randomNormal([tokens, d]);
const weights = (...shape: number[]) => tf.randomNormal(shape, 0, 0.02);
const sequence = () => tf.randomNormal([batch, length, d]);

/** One case at a time, for each owns its tensors. */
export const kernelCases: (() => KernelCase)[] = [
  () => ({
    name: 'linear + gelu',
    inputs: [x(), weights(d, hidden), tf.zeros([hidden])],
    fused: (a, b, c) => linear(a, b, c, { activation: 'gelu' }),
    composed: (a, b, c) => linearComposed(a, b, c, { activation: 'gelu' }),
    flops: 2 * tokens * d * hidden,
    bytes: float * (tokens * d + d * hidden + tokens * hidden),
  }),
  () => ({
    name: 'layerNorm',
    inputs: [x(), tf.ones([d]), tf.zeros([d])],
    fused: (a, b, c) => layerNorm(a, b, c),
    composed: (a, b, c) => layerNormComposed(a, b, c),
    flops: 8 * tokens * d,
    bytes: float * 2 * tokens * d,
  }),
  () => ({
    name: 'rmsNorm',
    inputs: [x(), tf.ones([d])],
    fused: (a, b) => rmsNorm(a, b),
    composed: (a, b) => rmsNormComposed(a, b),
    flops: 5 * tokens * d,
    bytes: float * 2 * tokens * d,
  }),
  () => {
    const heads = { numHeads: 8, numKvHeads: 8, causal: true };
    const decided = { ...heads, ropeStyle: 'none', ropeTheta: 10000, scale: 1 / Math.sqrt(d / 8) } as const;
    return {
      name: 'attention, causal',
      inputs: [sequence(), sequence(), sequence()],
      fused: (q, k, v) => attention(q, k, v, heads),
      composed: (q, k, v) => attentionComposed(q, k, v, decided),
      flops: 2 * batch * length * length * d,
      bytes: float * 4 * tokens * d,
    };
  },
  () => ({
    name: 'swiglu',
    inputs: [x(), weights(d, hidden), weights(d, hidden), weights(hidden, d)],
    fused: (a, b, c, e) => swiglu(a, b, c, e),
    composed: (a, b, c, e) => swigluComposed(a, b, c, e),
    flops: 6 * tokens * d * hidden,
    bytes: float * (2 * tokens * d + 3 * d * hidden),
  }),
  () => {
    const ids = tf.randomUniformInt([batch, length], 0, vocabulary - 1);
    return {
      name: 'embedding',
      inputs: [weights(vocabulary, d)],
      fused: (a) => embedding(ids, a),
      composed: (a) => embeddingComposed(ids, a),
      flops: 0,
      bytes: float * 2 * tokens * d,
    };
  },
  () => {
    const options = { rate: 0.1, seed: 1 };
    return {
      name: 'dropout',
      inputs: [x()],
      fused: (a) => dropout(a, options),
      composed: (a) => dropoutComposed(a, options),
      flops: 2 * tokens * d,
      bytes: float * 2 * tokens * d,
    };
  },
  () => {
    const targets = tf.randomUniformInt<tf.Rank.R1>([tokens], 0, vocabulary - 1);
    return {
      name: 'softmax cross-entropy',
      inputs: [tf.randomNormal([tokens, vocabulary])],
      fused: (a) => softmaxCrossEntropy(a, targets),
      composed: (a) => softmaxCrossEntropyComposed(a, targets),
      flops: 4 * tokens * vocabulary,
      bytes: float * tokens * vocabulary,
    };
  },
  () => ({
    name: 'route, top-2 of 8',
    inputs: [tf.randomNormal([tokens, numExperts])],
    fused: (a) => route(a, { topK: 2, normalizeWeights: false }).weights,
    // Without the slots, which route gives as well.
    composed: (a) => tf.topk(tf.softmax(a), 2).values,
    flops: 4 * tokens * numExperts,
    bytes: float * tokens * (2 * numExperts + 4),
  }),
  () => {
    const { slots } = route(tf.randomNormal([tokens, numExperts]), { topK: 2 });
    return {
      name: 'encode, top-2',
      inputs: [x()],
      fused: (a) => encode(a, slots, { numRows: 2 * tokens }),
      composed: (a) => encodeComposed(a, slots, { numRows: 2 * tokens }),
      flops: 0,
      bytes: float * 3 * tokens * d,
    };
  },
  () => {
    const { slots, weights: share } = route(tf.randomNormal([tokens, numExperts]), { topK: 2 });
    return {
      name: 'decode, top-2',
      inputs: [tf.randomNormal([2 * tokens, d]), share],
      fused: (rows, w) => decode(rows, w, slots),
      composed: (rows, w) => decodeComposed(rows, w, slots),
      flops: 4 * tokens * d,
      bytes: float * 3 * tokens * d,
    };
  },
  () => {
    const { counts } = route(tf.randomNormal([tokens, numExperts]), { topK: 1 });
    const options = { activation: 'gelu', capacity: 0 } as const;
    const [first, second] = [weights(numExperts, d, hidden), weights(numExperts, hidden, d)];
    return {
      name: 'grouped FFN, 8 experts',
      inputs: [x(), first, tf.zeros([numExperts, hidden]), second, tf.zeros([numExperts, d])],
      fused: (rows, w1, b1, w2, b2) => groupedFfn(rows, counts, { w1: w1, b1: b1, w2: w2, b2: b2 }, options),
      composed: (rows, w1, b1, w2, b2) => groupedFfnComposed(rows, counts, { w1: w1, b1: b1, w2: w2, b2: b2 }, options),
      flops: 4 * tokens * d * hidden,
      bytes: float * (2 * tokens * d + 2 * numExperts * d * hidden),
    };
  },
];
