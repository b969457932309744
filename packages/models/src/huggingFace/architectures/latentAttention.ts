import { expectThat } from '@scmoe/errors';
import type { LatentAttentionConfig, ResolvedLatentAttention } from '@scmoe/layer';

import type { GptConfig, ResolvedGpt } from '../../gpt/GptConfig.js';
import type { ConfigReader } from '../config/ConfigReader.js';
import { readRope, writeRope } from '../config/rope.js';
import type { JsonObject } from '../folder/openFolder.js';
import { same, transposed, type TensorRule } from '../tensors/TensorRule.js';
import { readLlamaLike, writeLlamaLike } from './llamaLike.js';
import { backboneOf } from './requirements.js';

/** What a family with latent attention has where its configuration says nothing. */
export interface LatentDefaults {
  normEpsilon: number;
  qLoraRank: number;
  qkNopeHeadDim: number;
  vHeadDim: number;
  /** Whether `rope_interleave` decides which components turn together; interleaved where it does not. */
  hasStyle: boolean;
}

/** Reads what DeepSeek-V2 and its kin share: latent attention, and the rest as in LLaMA. */
export function readLatent(
  config: ConfigReader,
  { normEpsilon, qLoraRank, qkNopeHeadDim: nope, vHeadDim, hasStyle }: LatentDefaults,
): Omit<GptConfig, 'moe'> {
  // Both are sizes of what turns, whatever their names say; neither decides anything.
  config.skip('head_dim', 'qk_head_dim');
  const plain = readLlamaLike(config, { ropeTheta: 1e4, normEpsilon, headSize: 2 });
  const { numKvHeads, headSize: _, ropeTheta: __, ropeSize: ___, ropeScaling: ____, ...backbone } = plain;
  if (numKvHeads !== plain.numHeads)
    config.fail('num_key_value_heads', `expected num_attention_heads = ${plain.numHeads}`);
  const { theta, partial, scaling } = readRope(config, { theta: 1e4 });
  if (partial !== 1)
    config.fail('rope_parameters', 'only a partial_rotary_factor of 1 is supported with latent attention');
  const hasQueryLatent = !config.isNull('q_lora_rank');
  config.skip('q_lora_rank');
  const isHalf = hasStyle && !config.boolean('rope_interleave', true);
  const latent: LatentAttentionConfig = {
    ...(hasQueryLatent && { qLoraRank: config.integer('q_lora_rank', qLoraRank) }),
    kvLoraRank: config.integer('kv_lora_rank', 512),
    qkNopeHeadDim: config.integer('qk_nope_head_dim', nope),
    qkRopeHeadDim: config.integer('qk_rope_head_dim', 64),
    vHeadDim: config.integer('v_head_dim', vHeadDim),
    scaleLatents: false,
    ropeTheta: theta,
    ...(isHalf && { ropeStyle: 'half' }),
    ...(scaling && { ropeScaling: scaling }),
  };
  return { ...backbone, latent, attentionBias: config.boolean('attention_bias', false) };
}

/** The same options as {@link readLatent} reads. @throws ArgumentError where the model has something else */
export function writeLatent(config: ResolvedGpt, { hasStyle }: Pick<LatentDefaults, 'hasStyle'>): JsonObject {
  const { attentionBias, latent } = backboneOf(config);
  expectThat(latent !== undefined, 'latent', 'latent attention', latent);
  expectThat(attentionBias !== 'qkv', 'attentionBias', 'true or false', attentionBias);
  const { ropeStyle, scaleLatents, latentNormEpsilon } = latent;
  expectThat(hasStyle || ropeStyle === 'interleaved', 'latent.ropeStyle', 'interleaved', ropeStyle);
  expectThat(!scaleLatents, 'latent.scaleLatents', 'false', scaleLatents);
  expectThat(latentNormEpsilon === 1e-6, 'latent.latentNormEpsilon', '1e-6', latentNormEpsilon);
  return {
    ...writeLlamaLike(config, { latent: null }),
    ...writeRope({ theta: latent.ropeTheta, partial: 1, scaling: latent.ropeScaling }),
    ...(hasStyle && { rope_interleave: ropeStyle === 'interleaved' }),
    ...sizesOf(latent),
    attention_bias: attentionBias,
  };
}

function sizesOf(latent: ResolvedLatentAttention): JsonObject {
  return {
    head_dim: latent.qkRopeHeadDim,
    kv_lora_rank: latent.kvLoraRank,
    q_lora_rank: latent.qLoraRank ?? null,
    qk_nope_head_dim: latent.qkNopeHeadDim,
    qk_rope_head_dim: latent.qkRopeHeadDim,
    v_head_dim: latent.vHeadDim,
  };
}

/** Latent attention, ours and theirs below these names. */
export function latentRules(ours: string, theirs: string): TensorRule[] {
  return [
    transposed(`${ours}.wq`, `${theirs}.q_proj.weight`),
    transposed(`${ours}.wqDown`, `${theirs}.q_a_proj.weight`),
    same(`${ours}.bqDown`, `${theirs}.q_a_proj.bias`),
    same(`${ours}.normQ.weight`, `${theirs}.q_a_layernorm.weight`),
    transposed(`${ours}.wqUp`, `${theirs}.q_b_proj.weight`),
    transposed(`${ours}.wkvDown`, `${theirs}.kv_a_proj_with_mqa.weight`),
    same(`${ours}.bkvDown`, `${theirs}.kv_a_proj_with_mqa.bias`),
    same(`${ours}.normKv.weight`, `${theirs}.kv_a_layernorm.weight`),
    transposed(`${ours}.wkvUp`, `${theirs}.kv_b_proj.weight`),
    transposed(`${ours}.wo`, `${theirs}.o_proj.weight`),
    same(`${ours}.bo`, `${theirs}.o_proj.bias`),
  ];
}
