import { selfAttentionCost, type KernelCost } from '@scmoe/scheduler';
import type * as tf from '@tensorflow/tfjs';

import type { ResolvedBackbone } from '../config/BackboneConfig.js';
import type { CostContext } from '../cost/CostContext.js';
import type { ParameterRecord } from '../parameters/ParameterRecord.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';
import { latentAttention, latentAttentionCost, latentAttentionSpecs, type KeyValueLatents } from './latentAttention.js';
import { attentionSpecs, selfAttention, type AttentionContext, type KeyValues } from './selfAttention.js';

/** What an attention remembers of the tokens so far: keys and values, or the latents of both. */
export type AttentionCache = KeyValues | KeyValueLatents;

export function blockAttentionSpecs(config: ResolvedBackbone): ParameterSpecs {
  const { latent } = config;
  return latent ? latentAttentionSpecs({ ...config, latent }) : attentionSpecs(config);
}

/** Self-attention of the kind that the configuration names: x (B, S, d) -> output (B, S, d). */
export function blockAttention(
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  config: ResolvedBackbone,
  context: AttentionContext<AttentionCache> = {},
): { output: tf.Tensor3D; all: AttentionCache } {
  const { latent } = config;
  if (latent) {
    const { past, mask } = context as AttentionContext<KeyValueLatents>;
    return latentAttention(x, parameters, { ...config, latent }, past, { mask });
  }
  return selfAttention(x, parameters, config, context as AttentionContext<KeyValues>);
}

export function blockAttentionCost(of: CostContext, config: ResolvedBackbone): KernelCost[] {
  const { latent } = config;
  return latent ? latentAttentionCost(of, { ...config, latent }) : selfAttentionCost(of, config);
}
