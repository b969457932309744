import { expectThat } from '@scmoe/errors';

import { readUsedWindow, writeWindow } from '../config/windows.js';
import { expertRules, published, readBalance, readSparseSteps, writeBalance, writeSparseSteps } from './experts.js';
import { gptArchitecture } from './gptArchitecture.js';
import { llamaLikeFamily, llamaLikeRules, readLlamaLike, writeLlamaLike } from './llamaLike.js';
import { backboneOf, expertsOf } from './requirements.js';

/** Qwen3-MoE (arXiv 2505.09388): top-k experts, in every layer or in some; queries and keys normalised head by head. */
export const qwen3Moe = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'qwen3_moe',
  className: 'Qwen3MoeForCausalLM',

  readConfig(config) {
    const backbone = readLlamaLike(config, { ropeTheta: 1e4, normEpsilon: 1e-6 });
    return {
      ...backbone,
      qkNorm: 'perHead',
      attentionBias: config.boolean('attention_bias', false),
      ...readUsedWindow(config),
      moe: {
        kind: 'standard',
        blocks: readSparseSteps(config, backbone),
        // transformers 5 writes the first, and what is published has the second.
        numExperts: config.count(config.nameOf('num_local_experts', 'num_experts')),
        topK: config.integer('num_experts_per_tok', 8),
        normalizeWeights: config.boolean('norm_topk_prob', false),
        expertHidden: config.integer('moe_intermediate_size', 768),
        ...readBalance(config),
      },
    };
  },

  writeConfig(config) {
    const moe = expertsOf(config, 'standard', { normalizeWeights: null });
    const { attentionBias } = backboneOf(config);
    expectThat(attentionBias !== 'qkv', 'attentionBias', 'true or false', attentionBias);
    return {
      ...writeLlamaLike(config, { qkNorm: 'perHead', window: null }),
      ...writeWindow(config),
      use_sliding_window: backboneOf(config).window !== undefined,
      ...writeSparseSteps(config),
      ...writeBalance(config),
      attention_bias: attentionBias,
      moe_intermediate_size: moe.expertHidden,
      norm_topk_prob: moe.normalizeWeights,
      num_experts: moe.numExperts,
      num_local_experts: moe.numExperts,
      num_experts_per_tok: moe.topK,
    };
  },

  published,
  rules: [...llamaLikeRules, ...expertRules],
});
