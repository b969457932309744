import { expectThat } from '@scmoe/errors';

import type { PretrainedFolder } from '../folder/openFolder.js';
import { renameTensors } from '../layouts/renameTensors.js';
import { splitExperts } from '../layouts/splitExperts.js';
import { same } from '../tensors/TensorRule.js';
import { mixtralExpertRules, mixtralModuleName } from './mixtral.js';
import { readBalance, writeBalance } from './experts.js';
import { gptArchitecture } from './gptArchitecture.js';
import { llamaLikeFamily, llamaLikeRules, readLlamaLike, writeLlamaLike } from './llamaLike.js';
import { backboneOf, expertsEverywhere, expertsOf } from './requirements.js';

/** MiniMax-M2: experts in every layer, sigmoid scores with a correction bias, queries and keys normalised as a whole. */
export const minimaxM2 = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'minimax_m2',
  className: 'MiniMaxM2ForCausalLM',

  readConfig(config) {
    const headSize = config.integer('head_dim', 128);
    // What is published says how many components turn, and transformers 5 which share.
    const turning = config.take('rotary_dim') === undefined ? headSize : config.integer('rotary_dim');
    const backbone = readLlamaLike(config, {
      ropeTheta: 5e6,
      normEpsilon: 1e-6,
      headSize,
      partialRotary: turning / headSize,
    });
    config.only('router_jitter_noise', 0);
    config.skip(
      'attention_bias',
      'scoring_func',
      'use_qk_norm',
      'qk_norm_type',
      'use_routing_bias',
      'mtp_transformer_layers',
      'num_mtp_modules',
      'use_mtp',
    );
    return {
      ...backbone,
      qkNorm: 'whole',
      attentionBias: false,
      moe: {
        kind: 'standard',
        numExperts: config.count('num_local_experts', 256),
        topK: config.integer('num_experts_per_tok', 8),
        scoreFunction: 'sigmoid',
        correctionBias: true,
        normalizeWeights: true,
        ...readBalance(config, 0.001, 'allLayersByLogits'),
      },
    };
  },

  writeConfig(config) {
    const moe = expertsOf(config, 'standard', { scoreFunction: 'sigmoid', correctionBias: true });
    const { attentionBias, ffnHidden } = backboneOf(config);
    expertsEverywhere(config);
    expectThat(!attentionBias, 'attentionBias', 'false', attentionBias);
    expectThat(moe.normalizeWeights, 'moe.normalizeWeights', 'true', moe.normalizeWeights);
    expectThat(moe.expertHidden === ffnHidden, 'moe.expertHidden', `ffnHidden = ${ffnHidden}`, moe.expertHidden);
    return {
      ...writeLlamaLike(config, { qkNorm: 'whole' }),
      ...writeBalance(config),
      num_experts_per_tok: moe.topK,
      num_local_experts: moe.numExperts,
    };
  },

  published: (folder: PretrainedFolder) =>
    splitExperts(
      renameTensors(folder, (name) => name.replace(/(layers\.\d+)\.mlp\./, '$1.block_sparse_moe.')),
      { gate: 'w1', up: 'w3', down: 'w2' },
    ),
  moduleName: mixtralModuleName,
  rules: [
    ...llamaLikeRules,
    ...mixtralExpertRules,
    same('block{layer}.router.correctionBias', 'model.layers.{layer}.block_sparse_moe.e_score_correction_bias'),
  ],
});
