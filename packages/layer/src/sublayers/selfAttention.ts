import { attention, cachedAttention, linear } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { ResolvedBackbone } from '../config/BackboneConfig.js';
import { parameter, type ParameterRecord } from '../parameters/ParameterRecord.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';
import { PackedSequences } from './PackedSequences.js';

/** Keys and values of all tokens so far, before the rotation by position: (B, S, numKvHeads * headSize) each. */
export type KeyValues = {
  keys: tf.Tensor3D;
  values: tf.Tensor3D;
};

export function attentionSpecs(config: ResolvedBackbone): ParameterSpecs {
  const { dModel: d, numHeads, numKvHeads, attentionBias } = config;
  const kv = (d / numHeads) * numKvHeads;
  const weights: ParameterSpecs = {
    wq: { shape: [d, d], initial: 'normal' },
    wk: { shape: [d, kv], initial: 'normal' },
    wv: { shape: [d, kv], initial: 'normal' },
    wo: { shape: [d, d], initial: 'residual' },
  };
  if (!attentionBias) return weights;
  return {
    ...weights,
    bq: { shape: [d], initial: 'zeros' },
    bk: { shape: [kv], initial: 'zeros' },
    bv: { shape: [kv], initial: 'zeros' },
    ...(attentionBias !== 'qkv' && { bo: { shape: [d], initial: 'zeros' } }),
  };
}

/** What self-attention sees besides x. */
export interface AttentionContext<Cache> {
  /** Keys and values of the tokens that x continues; or the caches of several sequences whose tokens x (1, T, d) has. */
  past?: Cache | PackedSequences;
  /** (B, S) bool: false for padding, which no token sees. Without a past alone. */
  mask?: tf.Tensor;
}

/**
 * Multi-head self-attention: x (B, S, d) -> output (B, S, d). With the keys and values of `past` tokens the S tokens
 * continue them; `all` holds those of past and present. With packed sequences the T tokens are appended to their caches, and
 * `all` holds those of the T tokens alone.
 */
export function selfAttention(
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  { numHeads, numKvHeads, causal, rope }: ResolvedBackbone,
  { past, mask }: AttentionContext<KeyValues> = {},
): { output: tf.Tensor3D; all: KeyValues } {
  const project = (name: string, input: tf.Tensor) =>
    linear(input, parameter<tf.Tensor2D>(parameters, `w${name}`), parameters[`b${name}`]) as tf.Tensor3D;

  const queries = project('q', x);
  const keys = project('k', x);
  const values = project('v', x);
  if (past instanceof PackedSequences) {
    const heads = cachedAttention(queries, keys, values, past.parts, { numHeads, numKvHeads, rope });
    return { output: project('o', heads), all: { keys, values } };
  }
  const all = past
    ? { keys: tf.concat([past.keys, keys], 1), values: tf.concat([past.values, values], 1) }
    : { keys, values };
  const heads = attention(queries, all.keys, all.values, { numHeads, numKvHeads, causal, rope, mask });
  return { output: project('o', heads), all };
}
