import { expectThat } from '@scmoe/errors';

import type { GptConfig, ResolvedGpt } from '../../gpt/GptConfig.js';
import type { ConfigReader } from '../config/ConfigReader.js';
import { Float } from '../config/Float.js';
import { splitExperts } from '../layouts/splitExperts.js';
import { transposed } from '../tensors/TensorRule.js';
import { gptArchitecture } from './gptArchitecture.js';
import {
  fullAttentionOnly,
  isUnusedLlamaLike,
  llamaLikeRules,
  llamaLikeTie,
  readLlamaLike,
  writeLlamaLike,
} from './llamaLike.js';
import { backboneOf, expertsOf } from './requirements.js';

/** Qwen2-MoE: top-k experts and a gated shared one (`cg1`), in every layer or in some; biases on q, k and v. */
export const qwen2Moe = gptArchitecture({
  modelType: 'qwen2_moe',
  className: 'Qwen2MoeForCausalLM',
  prefix: 'model.',

  readConfig(config) {
    const backbone = readLlamaLike(config, { ropeTheta: 1e4, normEpsilon: 1e-6 });
    fullAttentionOnly(config);
    return { ...backbone, attentionBias: config.boolean('qkv_bias', true) && 'qkv', moe: experts(config, backbone) };
  },

  writeConfig(config) {
    const moe = expertsOf(config, 'shared');
    const { attentionBias } = backboneOf(config);
    expectThat(moe.shared!.mix === 'cg1', 'moe.mix', 'cg1', moe.shared!.mix);
    expectThat(attentionBias !== true, 'attentionBias', '"qkv" or false', attentionBias);
    return {
      ...writeLlamaLike(config),
      decoder_sparse_step: 1,
      mlp_only_layers: denseLayers(config),
      moe_intermediate_size: moe.expertHidden,
      norm_topk_prob: moe.normalizeWeights,
      num_experts: moe.numExperts,
      num_experts_per_tok: moe.topK,
      output_router_logits: false,
      qkv_bias: attentionBias === 'qkv',
      router_aux_loss_coef: new Float(config.routerLosses.loadBalanceCoefficient),
      shared_expert_intermediate_size: moe.shared!.hidden,
      use_sliding_window: false,
    };
  },

  isUnused: isUnusedLlamaLike,
  tied: llamaLikeTie,
  published: (folder) => splitExperts(folder, { gate: 'gate_proj', up: 'up_proj', down: 'down_proj' }),

  rules: [
    ...llamaLikeRules,
    transposed('block{layer}.router.weight', 'model.layers.{layer}.mlp.gate.weight'),
    transposed('block{layer}.mix.weight', 'model.layers.{layer}.mlp.shared_expert_gate.weight'),
    ...(['gate', 'up', 'down'] as const).flatMap((name) => [
      transposed(`block{layer}.mlp.${name}`, `model.layers.{layer}.mlp.${name}_proj.weight`),
      transposed(`block{layer}.shared.${name}`, `model.layers.{layer}.mlp.shared_expert.${name}_proj.weight`),
      transposed(`block{layer}.experts.${name}`, `model.layers.{layer}.mlp.experts.{expert}.${name}_proj.weight`),
    ]),
  ],
});

function experts(config: ConfigReader, { numLayers }: Pick<GptConfig, 'numLayers'>): GptConfig['moe'] {
  const step = config.integer('decoder_sparse_step', 1);
  const dense = config.integers('mlp_only_layers', []);
  const layers = Array.from({ length: numLayers }, (_, layer) => layer);
  return {
    kind: 'shared',
    mix: 'cg1',
    blocks: layers.filter((layer) => !dense.includes(layer) && (layer + 1) % step === 0),
    numExperts: config.count('num_experts'),
    topK: config.integer('num_experts_per_tok'),
    normalizeWeights: config.boolean('norm_topk_prob', false),
    expertHidden: config.integer('moe_intermediate_size'),
    sharedHidden: config.integer('shared_expert_intermediate_size'),
    balance: 'allLayers',
    loadBalanceCoefficient: config.number('router_aux_loss_coef', 0.001),
  };
}

function denseLayers({ stages }: ResolvedGpt): number[] {
  return stages.flatMap(({ kind, config }, index) => {
    const layers = kind === 'pair' ? [2 * index, 2 * index + 1] : [index];
    return config.moe ? layers.slice(0, -1) : layers;
  });
}
