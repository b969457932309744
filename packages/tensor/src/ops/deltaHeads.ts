import { expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { activateComposed } from './activation.js';
import { causalConvolution } from './causalConvolution.js';
import { expectRank } from './check.js';
import { gatedDeltaRule } from './gatedDeltaRule.js';
import { rmsNorm } from './rmsNorm.js';

/** Sizes of a gated delta network. */
export interface DeltaSizes {
  numKeyHeads: number;
  /** A multiple of numKeyHeads. */
  numValueHeads: number;
  keyHeadDim: number;
  valueHeadDim: number;
}

/** What a gated delta network makes of tokens before it looks at those before them, float32. */
export interface DeltaRows {
  /** Queries, keys and values side by side (B, S, Hk K + Hk K + Hv V), before the convolution. */
  mixed: tf.Tensor3D;
  /** How much of what a key recalls its value replaces (B, S, Hv). */
  beta: tf.Tensor3D;
  /** Logarithm (B, S, Hv) of the share of the state that each token keeps. */
  logDecay: tf.Tensor3D;
}

/** What later tokens need: the state (B, Hv, K, V), and the last rows that the convolution covers (B, taps - 1, channels). */
export type DeltaState = { state: tf.Tensor4D; taps: tf.Tensor3D };

/** The epsilon under the root by which queries and keys become of length 1. */
const lengthEpsilon = 1e-6;

/**
 * The inside of a gated delta network: the convolution (taps, channels) and SiLU of queries, keys and values, queries and keys
 * of length 1, and the gated delta rule. Composed, with gradients.
 *
 * @returns outputs (B, S, Hv, V), and what the tokens after these need
 * @throws ArgumentError naming the argument when shapes or dtypes do not fit
 */
export function deltaHeads(
  { mixed, beta, logDecay }: DeltaRows,
  convolution: tf.Tensor2D,
  sizes: DeltaSizes,
  past?: DeltaState,
): { heads: tf.Tensor4D; all: DeltaState } {
  const { numKeyHeads, numValueHeads, keyHeadDim, valueHeadDim } = sizes;
  expectChannels('deltaHeads', mixed, sizes);
  return tf.tidy(() => {
    const [batch, length] = mixed.shape;
    const [keys, values] = [numKeyHeads * keyHeadDim, numValueHeads * valueHeadDim];
    const { output, past: taps } = causalConvolution(mixed, convolution, past?.taps);
    const [q, k, v] = tf.split<tf.Tensor3D>(activateComposed(output, 'silu'), [keys, keys, values], -1);
    const ofKeys = (rows: tf.Tensor3D, size: number): tf.Tensor4D =>
      tf.reshape(unit(tf.reshape(rows, [-1, keyHeadDim]), size), [batch, length, numKeyHeads, keyHeadDim]);
    const inputs = {
      q: ofKeys(q!, 1 / Math.sqrt(keyHeadDim)),
      k: ofKeys(k!, 1),
      v: tf.reshape<tf.Rank.R4>(v!, [batch, length, numValueHeads, valueHeadDim]),
      logDecay,
      beta,
    };
    const result = gatedDeltaRule(inputs, { state: past?.state, scale: 1 });
    return { heads: result.output, all: { taps, state: result.state } };
  });
}

/** Each row x / sqrt(sum(x²) + epsilon), times a factor: an RMSNorm whose weight is the factor on every component. */
function unit(rows: tf.Tensor, factor: number): tf.Tensor {
  const size = rows.shape[1]!;
  const weight = tf.fill([size], factor / Math.sqrt(size));
  return rmsNorm(rows, weight, { epsilon: lengthEpsilon / size });
}

/** Checks the width of `mixed`. @returns components of all queries, keys and values */
export function expectChannels(name: string, mixed: tf.Tensor3D, sizes: DeltaSizes): number {
  const { numKeyHeads, numValueHeads, keyHeadDim, valueHeadDim } = sizes;
  const channels = 2 * numKeyHeads * keyHeadDim + numValueHeads * valueHeadDim;
  expectRank(name, 'mixed', mixed, 3, '(batch, tokens, channels)');
  expectThat(mixed.shape[2] === channels, `${name}: width of mixed`, `${channels} for these heads`, mixed.shape[2]);
  return channels;
}
