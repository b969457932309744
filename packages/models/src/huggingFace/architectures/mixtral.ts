import { expectThat } from '@scmoe/errors';

import { Float } from '../config/Float.js';
import { renameTensors } from '../layouts/renameTensors.js';
import { splitExperts } from '../layouts/splitExperts.js';
import { transposed } from '../tensors/TensorRule.js';
import { gptArchitecture } from './gptArchitecture.js';
import {
  isUnusedLlamaLike,
  llamaLikeRules,
  llamaLikeTie,
  readLlamaLike,
  wholeWindowOnly,
  writeLlamaLike,
} from './llamaLike.js';
import { backboneOf, expertsOf } from './requirements.js';

/** Mixtral (arXiv 2401.04088): in every layer top-k experts, the weights of the chosen ones normalised. */
export const mixtral = gptArchitecture({
  modelType: 'mixtral',
  className: 'MixtralForCausalLM',
  prefix: 'model.',

  readConfig(config) {
    const backbone = readLlamaLike(config, { ropeTheta: 1e6, normEpsilon: 1e-5 });
    wholeWindowOnly(config, backbone);
    const jitter = config.number('router_jitter_noise', 0);
    return {
      ...backbone,
      attentionBias: false,
      moe: {
        kind: 'standard',
        numExperts: config.count('num_local_experts'),
        topK: config.integer('num_experts_per_tok', 2),
        normalizeWeights: true,
        balance: 'allLayers',
        loadBalanceCoefficient: config.number('router_aux_loss_coef', 0.001),
        // transformers multiplies the input of the whole block, in place.
        ...(jitter > 0 && { jitter, jitterExperts: true }),
      },
    };
  },

  writeConfig(config) {
    const moe = expertsOf(config, 'standard');
    const { attentionBias, ffnHidden } = backboneOf(config);
    const dense = config.stages.find((stage) => stage.kind === 'pair' || !stage.config.moe);
    expectThat(!dense, 'moe.blocks', 'experts in every block', dense?.name);
    expectThat(!attentionBias, 'attentionBias', 'false', attentionBias);
    expectThat(moe.normalizeWeights, 'moe.normalizeWeights', 'true', moe.normalizeWeights);
    expectThat(moe.expertHidden === ffnHidden, 'moe.expertHidden', `ffnHidden = ${ffnHidden}`, moe.expertHidden);
    return {
      ...writeLlamaLike(config),
      num_experts_per_tok: moe.topK,
      num_local_experts: moe.numExperts,
      output_router_logits: false,
      router_aux_loss_coef: new Float(config.routerLosses.loadBalanceCoefficient),
      router_jitter_noise: new Float(moe.jitter),
    };
  },

  isUnused: isUnusedLlamaLike,
  tied: llamaLikeTie,

  // In memory the block is `mlp`, and the experts are stacked.
  published: (folder) =>
    splitExperts(
      renameTensors(folder, (name) => name.replace(/(layers\.\d+)\.mlp\.(gate|experts)\./, '$1.block_sparse_moe.$2.')),
      { gate: 'w1', up: 'w3', down: 'w2' },
    ),

  rules: [
    ...llamaLikeRules,
    transposed('block{layer}.router.weight', 'model.layers.{layer}.block_sparse_moe.gate.weight'),
    transposed('block{layer}.experts.gate', 'model.layers.{layer}.block_sparse_moe.experts.{expert}.w1.weight'),
    transposed('block{layer}.experts.up', 'model.layers.{layer}.block_sparse_moe.experts.{expert}.w3.weight'),
    transposed('block{layer}.experts.down', 'model.layers.{layer}.block_sparse_moe.experts.{expert}.w2.weight'),
  ],
});
