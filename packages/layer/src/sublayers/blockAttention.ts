import { selfAttentionCost, type KernelCost } from '@scmoe/scheduler';
import type { DeltaState } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

import type { ResolvedBackbone } from '../config/BackboneConfig.js';
import type { CostContext } from '../cost/CostContext.js';
import type { ParameterRecord } from '../parameters/ParameterRecord.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';
import { gatedDelta, gatedDeltaCost, gatedDeltaSpecs, type DeltaContext } from './gatedDelta.js';
import { latentAttention, latentAttentionCost, latentAttentionSpecs, type KeyValueLatents } from './latentAttention.js';
import { attentionSpecs, selfAttention, type AttentionContext, type KeyValues } from './selfAttention.js';

/** What an attention remembers of the tokens so far: keys and values, the latents of both, or the state of a recurrence. */
export type AttentionCache = KeyValues | KeyValueLatents | DeltaState;

export function blockAttentionSpecs(config: ResolvedBackbone): ParameterSpecs {
  const { latent, gatedDelta } = config;
  if (gatedDelta) return gatedDeltaSpecs({ ...config, gatedDelta });
  return latent ? latentAttentionSpecs({ ...config, latent }) : attentionSpecs(config);
}

/** Self-attention of the kind that the configuration names, or the gated delta network in its place: x (B, S, d) -> output (B, S, d). */
export function blockAttention(
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  config: ResolvedBackbone,
  context: AttentionContext<AttentionCache> = {},
): { output: tf.Tensor3D; all: AttentionCache | undefined } {
  const { latent, gatedDelta: sizes } = config;
  if (sizes) {
    return gatedDelta(x, parameters, { ...config, gatedDelta: sizes }, context as DeltaContext);
  }
  if (latent) {
    const { past, mask, tensor } = context as AttentionContext<KeyValueLatents>;
    return latentAttention(x, parameters, { ...config, latent }, past, { mask, tensor });
  }
  return selfAttention(x, parameters, config, context as AttentionContext<KeyValues>);
}

export function blockAttentionCost(of: CostContext, config: ResolvedBackbone): KernelCost[] {
  const { latent, gatedDelta: sizes } = config;
  if (sizes) return gatedDeltaCost(of, { ...config, gatedDelta: sizes });
  return latent ? latentAttentionCost(of, { ...config, latent }) : selfAttentionCost(of, config);
}
