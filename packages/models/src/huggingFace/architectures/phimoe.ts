import { expectThat } from '@scmoe/errors';

import { Float } from '../config/Float.js';
import { readWindow, writeWindow } from '../config/windows.js';
import { renameTensors } from '../layouts/renameTensors.js';
import { splitExperts } from '../layouts/splitExperts.js';
import { same, type TensorRule } from '../tensors/TensorRule.js';
import { readBalance, writeBalance } from './experts.js';
import { gptArchitecture } from './gptArchitecture.js';
import { llamaLikeFamily, llamaLikeRules, readLlamaLike, writeLlamaLike } from './llamaLike.js';
import { mixtralExpertRules } from './mixtral.js';
import { backboneOf, expertsEverywhere, expertsOf } from './requirements.js';

/** Norms have biases here, and the head may. */
const biasRules: readonly TensorRule[] = [
  same('block{layer}.normAttn.bias', 'model.layers.{layer}.input_layernorm.bias'),
  same('block{layer}.normMoe.bias', 'model.layers.{layer}.post_attention_layernorm.bias'),
  same('normFinal.bias', 'model.norm.bias'),
  same('head.bias', 'lm_head.bias'),
];

/** Phi-3.5-MoE (arXiv 2404.14219): Mixtral's experts behind layer norms and SparseMixer, which chooses two, biases, LongRoPE. */
export const phimoe = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'phimoe',
  className: 'PhimoeForCausalLM',

  readConfig(config) {
    const backbone = readLlamaLike(config, { ropeTheta: 1e6, normEpsilon: 1e-5, norm: 'layer', hasLongrope: true });
    const jitter = config.number('input_jitter_noise', 0);
    // Two are chosen whatever it says; the other says again what the settings of the rotation say.
    config.skip('num_experts_per_tok', 'original_max_position_embeddings');
    return {
      ...backbone,
      ...readWindow(config),
      attentionBias: config.boolean('attention_bias', false),
      headBias: config.boolean('lm_head_bias', false),
      moe: {
        kind: 'standard',
        numExperts: config.count('num_local_experts', 16),
        topK: 2,
        sparseMixer: config.number('router_jitter_noise', 0.01),
        ...readBalance(config, 0.001, 'allLayersByLogits'),
        ...(jitter > 0 && { jitter, jitterExperts: true }),
      },
    };
  },

  writeConfig(config) {
    const moe = expertsOf(config, 'standard', { sparseMixer: null });
    const { attentionBias, ffnHidden, rope } = backboneOf(config);
    expectsAll(config, moe.expertHidden, ffnHidden);
    expectThat(moe.sparseMixer !== undefined && moe.topK === 2, 'moe.topK', '2, by sparseMixer', moe.topK);
    expectThat(attentionBias !== 'qkv', 'attentionBias', 'true or false', attentionBias);
    const originalLength = rope?.scaling?.type === 'longrope' ? rope.scaling.originalLength : undefined;
    return {
      ...writeLlamaLike(config, { window: null, headBias: null }, { norm: 'layer', longrope: true }),
      ...writeWindow(config),
      ...writeBalance(config),
      attention_bias: attentionBias,
      input_jitter_noise: new Float(moe.jitter),
      lm_head_bias: config.headBias,
      num_experts_per_tok: moe.topK,
      num_local_experts: moe.numExperts,
      ...(originalLength !== undefined && { original_max_position_embeddings: originalLength }),
      router_jitter_noise: new Float(moe.sparseMixer),
    };
  },

  // In memory the block is `mlp`, its gate a `router`, and the experts are stacked.
  published: (folder) =>
    splitExperts(
      renameTensors(folder, (name) =>
        name
          .replace(/(layers\.\d+)\.mlp\.(router|experts)\./, '$1.block_sparse_moe.$2.')
          .replace('.block_sparse_moe.router.', '.block_sparse_moe.gate.'),
      ),
      { gate: 'w1', up: 'w3', down: 'w2' },
    ),

  moduleName: (name) => name.replace('.block_sparse_moe.gate.', '.mlp.router.').replace('.block_sparse_moe.', '.mlp.'),
  rules: [...llamaLikeRules, ...biasRules, ...mixtralExpertRules],
});

function expectsAll(config: Parameters<typeof expertsEverywhere>[0], expertHidden: number, ffnHidden: number): void {
  expertsEverywhere(config);
  expectThat(expertHidden === ffnHidden, 'moe.expertHidden', `ffnHidden = ${ffnHidden}`, expertHidden);
}
