import { expectThat } from '@scmoe/errors';

import type { GptConfig } from '../../gpt/GptConfig.js';
import type { ConfigReader } from '../config/ConfigReader.js';
import { transposed } from '../tensors/TensorRule.js';
import { expertRules, published, readBalance, readSparseSteps, writeBalance, writeSparseSteps } from './experts.js';
import { gptArchitecture } from './gptArchitecture.js';
import { llamaLikeFamily, llamaLikeRules, readLlamaLike, swigluRules, writeLlamaLike } from './llamaLike.js';
import { backboneOf, expertsOf } from './requirements.js';

/** Qwen2-MoE: top-k experts and a gated shared one (`cg1`), in every layer or in some; biases on q, k and v. */
export const qwen2Moe = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'qwen2_moe',
  className: 'Qwen2MoeForCausalLM',

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
      ...writeSparseSteps(config),
      ...writeBalance(config),
      sliding_window: null,
      moe_intermediate_size: moe.expertHidden,
      norm_topk_prob: moe.normalizeWeights,
      num_experts: moe.numExperts,
      num_experts_per_tok: moe.topK,
      qkv_bias: attentionBias === 'qkv',
      shared_expert_intermediate_size: moe.shared!.hidden,
      use_sliding_window: false,
    };
  },

  published,
  rules: [
    ...llamaLikeRules,
    ...expertRules,
    ...swigluRules('shared', 'mlp.shared_expert'),
    transposed('block{layer}.mix.weight', 'model.layers.{layer}.mlp.shared_expert_gate.weight'),
  ],
});

function experts(config: ConfigReader, backbone: Pick<GptConfig, 'numLayers'>): GptConfig['moe'] {
  return {
    kind: 'shared',
    mix: 'cg1',
    blocks: readSparseSteps(config, backbone),
    numExperts: config.count('num_experts'),
    topK: config.integer('num_experts_per_tok'),
    normalizeWeights: config.boolean('norm_topk_prob', false),
    expertHidden: config.integer('moe_intermediate_size'),
    sharedHidden: config.integer('shared_expert_intermediate_size'),
    ...readBalance(config),
  };
}

/** Windows, of which only layers say whether they are used. @throws PretrainedError where one is */
function fullAttentionOnly(config: ConfigReader): void {
  config.only('use_sliding_window', false);
  config.skip('sliding_window', 'max_window_layers');
  const kinds = config.take('layer_types');
  if (Array.isArray(kinds) && kinds.some((kind) => kind !== 'full_attention')) {
    config.fail('layer_types', 'only "full_attention" is supported');
  }
}
