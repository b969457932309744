import { expectThat } from '@scmoe/errors';

import { LongcatFlash } from '../../longcatFlash/LongcatFlash.js';
import { resolveLongcatFlash, type LongcatFlashConfig } from '../../longcatFlash/LongcatFlashConfig.js';
import { longcatFlashSpecs } from '../../longcatFlash/longcatFlashSpecs.js';
import type { Architecture } from '../Architecture.js';
import type { ConfigReader } from '../config/ConfigReader.js';
import { Float } from '../config/Float.js';
import { readRope, writeRope } from '../config/rope.js';
import type { JsonObject } from '../folder/openFolder.js';
import { splitExperts } from '../layouts/splitExperts.js';
import { same, transposed, type TensorRule } from '../tensors/TensorRule.js';
import { latentRules } from './latentAttention.js';
import { expectRouter } from './requirements.js';

/** LongCat-Flash (arXiv 2509.01322), `longcat_flash` in transformers. */
export const longcatFlash: Architecture<LongcatFlashConfig, LongcatFlash> = {
  modelType: 'longcat_flash',
  className: 'LongcatFlashForCausalLM',
  model: LongcatFlash,
  prefix: 'model.',
  readConfig,
  writeConfig,
  specs: longcatFlashSpecs,
  rules: () => rules,
  published: (folder) => splitExperts(folder, { gate: 'gate_proj', up: 'up_proj', down: 'down_proj' }),
  create: (config, parameters, options) => new LongcatFlash(config, { parameters, ...options }),

  // Zero-computation experts have weights in the file that nothing reads, as have a bias of the router that is never
  // added and a head that predicts the token after the next. Older versions saved rotary frequencies.
  isUnused: (name, config) =>
    zeroExpertOf(name, config) !== undefined ||
    /^model\.mtp\.|\.rotary_emb\.inv_freq$|\.mlp\.router\.classifier\.bias$/.test(name),

  // transformers stacks these projections over all experts, and misses those of experts that compute nothing.
  padding: ({ numLayers, dModel, moe }) => {
    const { numExperts, numZeroExperts = 0, expertHidden } = moe;
    const shapes: Record<string, readonly number[]> = {};
    for (let layer = 0; layer < numLayers; layer++) {
      for (let expert = numExperts; expert < numExperts + numZeroExperts; expert++) {
        for (const projection of ['gate_proj', 'up_proj'])
          shapes[`model.layers.${layer}.mlp.experts.${expert}.${projection}.weight`] = [expertHidden, dModel];
      }
    }
    return shapes;
  },
};

/** Defaults are those of transformers, which are those of LongCat-Flash-Chat. */
function readConfig(config: ConfigReader): LongcatFlashConfig {
  config.oneOf('hidden_act', { silu: 'swiglu' }, 'silu');
  config.skip('attention_dropout', 'router_bias');
  config.only('attention_method', 'MLA');
  config.only('mla_scale_q_lora', true);
  config.only('mla_scale_kv_lora', true);
  config.only('norm_topk_prob', false);
  config.only('tie_word_embeddings', false);
  config.only('zero_expert_type', 'identity');
  const numLayers = config.count('num_layers', 28);
  const numHeads = config.integer('num_attention_heads', 64);
  const qkNopeHeadDim = config.integer('qk_nope_head_dim', 128);
  const qkRopeHeadDim = config.integer('qk_rope_head_dim', 64);
  // What follows from other options. transformers counts attentions as hidden layers.
  config.only('num_hidden_layers', 2 * numLayers);
  config.only('num_key_value_heads', numHeads);
  config.only('head_dim', qkRopeHeadDim);
  config.only('qk_head_dim', qkNopeHeadDim + qkRopeHeadDim);
  return {
    vocabSize: config.integer('vocab_size', 131072),
    numLayers,
    dModel: config.integer('hidden_size', 6144),
    numHeads,
    latent: {
      qLoraRank: config.integer('q_lora_rank', 1536),
      kvLoraRank: config.integer('kv_lora_rank', 512),
      qkNopeHeadDim,
      qkRopeHeadDim,
      vHeadDim: config.integer('v_head_dim', 128),
      ropeTheta: plainTheta(config),
    },
    ffnHidden: config.integer('ffn_hidden_size', 12288),
    sequenceLength: config.integer('max_position_embeddings', 131072),
    attentionBias: config.boolean('attention_bias', false),
    normEpsilon: config.positive('rms_norm_eps', 1e-5),
    moe: {
      numExperts: config.count('n_routed_experts', 512),
      numZeroExperts: config.integer('zero_expert_num', 256, { minimum: 0 }),
      topK: config.integer('moe_topk', 12),
      routedScalingFactor: config.positive('routed_scaling_factor', 6),
      expertHidden: config.integer('expert_ffn_hidden_size', 2048),
    },
  };
}

/** @throws PretrainedError where the angles are scaled, or not all of a head's turn */
function plainTheta(config: ConfigReader): number {
  const { theta, partial, scaling } = readRope(config, { theta: 1e7 });
  const key = config.take('rope_scaling') === undefined ? 'rope_parameters' : 'rope_scaling';
  if (scaling) config.fail(key, 'only rope_type "default" is supported');
  if (partial !== 1) config.fail(key, 'only angles for all of qk_rope_head_dim are supported');
  return theta;
}

function writeConfig(config: LongcatFlashConfig): JsonObject {
  const { block, vocabSize, sequenceLength, normEpsilon } = resolveLongcatFlash(config);
  const { dModel, numHeads, ffnHidden, attentionBias, moe } = block;
  const latent = block.latent!;
  expectThat(attentionBias !== 'qkv', 'attentionBias', 'true or false', attentionBias);
  expectRouter(moe, router);
  const { qLoraRank, scaleLatents, latentNormEpsilon, ropeStyle, ropeScaling } = latent;
  expectThat(qLoraRank !== undefined, 'latent.qLoraRank', 'a latent of the queries', qLoraRank);
  expectThat(ropeStyle === 'interleaved', 'latent.ropeStyle', 'interleaved', ropeStyle);
  expectThat(!ropeScaling, 'latent.ropeScaling', 'none', ropeScaling);
  expectThat(scaleLatents, 'latent.scaleLatents', 'true', scaleLatents);
  expectThat(latentNormEpsilon === 1e-6, 'latent.latentNormEpsilon', '1e-6', latentNormEpsilon);
  return {
    attention_bias: attentionBias,
    attention_dropout: new Float(0),
    bos_token_id: null,
    eos_token_id: null,
    expert_ffn_hidden_size: moe.expertHidden,
    ffn_hidden_size: ffnHidden,
    head_dim: latent.qkRopeHeadDim,
    hidden_act: 'silu',
    hidden_size: dModel,
    kv_lora_rank: latent.kvLoraRank,
    max_position_embeddings: sequenceLength,
    moe_topk: moe.topK,
    n_routed_experts: moe.numExperts,
    num_attention_heads: numHeads,
    num_key_value_heads: numHeads,
    num_layers: config.numLayers,
    q_lora_rank: qLoraRank,
    qk_head_dim: latent.qkNopeHeadDim + latent.qkRopeHeadDim,
    qk_nope_head_dim: latent.qkNopeHeadDim,
    qk_rope_head_dim: latent.qkRopeHeadDim,
    rms_norm_eps: new Float(normEpsilon),
    ...writeRope({ theta: latent.ropeTheta, partial: 1 }),
    routed_scaling_factor: new Float(moe.routedScalingFactor),
    tie_word_embeddings: false,
    v_head_dim: latent.vHeadDim,
    vocab_size: vocabSize,
    zero_expert_num: moe.numZeroExperts,
  };
}

/** The router that the family has. */
const router = {
  normalizeWeights: false,
  correctionBias: true,
  routedScalingFactor: null,
  numZeroExperts: null,
} as const;

const halves = [1, 2] as const;
const attentions = halves.flatMap((half) =>
  latentRules(`block{layer}.attn${half}`, `model.layers.{layer}.self_attn.${half - 1}`),
);
const projections = ['gate', 'up', 'down'] as const;

const rules: readonly TensorRule[] = [
  same('embedding', 'model.embed_tokens.weight'),
  ...attentions,
  ...halves.flatMap((half) => [
    same(`block{layer}.normAttn${half}.weight`, `model.layers.{layer}.input_layernorm.${half - 1}.weight`),
    same(`block{layer}.normMlp${half}.weight`, `model.layers.{layer}.post_attention_layernorm.${half - 1}.weight`),
    ...projections.map((name) =>
      transposed(`block{layer}.mlp${half}.${name}`, `model.layers.{layer}.mlps.${half - 1}.${name}_proj.weight`),
    ),
  ]),
  transposed('block{layer}.router.weight', 'model.layers.{layer}.mlp.router.classifier.weight'),
  same('block{layer}.router.correctionBias', 'model.layers.{layer}.mlp.router.e_score_correction_bias'),
  ...projections.map((name) =>
    transposed(`block{layer}.experts.${name}`, `model.layers.{layer}.mlp.experts.{expert}.${name}_proj.weight`),
  ),
  same('normFinal.weight', 'model.norm.weight'),
  transposed('head.weight', 'lm_head.weight'),
];

/** The expert that a tensor belongs to, where it is one of those that compute nothing. */
function zeroExpertOf(name: string, { moe }: LongcatFlashConfig): number | undefined {
  const expert = Number(/\.mlp\.experts\.(\d+)\./.exec(name)?.[1] ?? NaN);
  return expert >= moe.numExperts && expert < moe.numExperts + (moe.numZeroExperts ?? 0) ? expert : undefined;
}
