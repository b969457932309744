import { expectThat } from '@scmoe/errors';

import type { GptConfig } from '../../gpt/GptConfig.js';
import type { ConfigReader } from '../config/ConfigReader.js';
import { Float } from '../config/Float.js';
import type { PretrainedFolder } from '../folder/openFolder.js';
import { renameTensors } from '../layouts/renameTensors.js';
import { same } from '../tensors/TensorRule.js';
import { kindOf, readSharedWidth, writeSharedWidth } from './biasedExperts.js';
import { expertRules, layersWhere, published, readBalance, writeBalance } from './experts.js';
import { gptArchitecture } from './gptArchitecture.js';
import {
  isUnusedLlamaLike,
  llamaLikeFamily,
  llamaLikeRules,
  readLlamaLike,
  swigluRules,
  writeLlamaLike,
} from './llamaLike.js';
import { backboneOf, expertsOf, sparseLayers } from './requirements.js';

const sharedKey = 'moe_num_shared_experts';

/** ERNIE 4.5 MoE: softmax scores, a correction bias for the choice alone, a shared expert, and interleaved rotation. */
export const ernie45Moe = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'ernie4_5_moe',
  className: 'Ernie4_5_MoeForCausalLM',

  readConfig(config) {
    config.only('use_bias', false);
    // The least sum that weights are divided by; with softmax scores no sum comes near it.
    config.skip('moe_norm_min');
    const backbone = readLlamaLike(config, { ropeTheta: 5e5, normEpsilon: 1e-5, tied: true });
    return {
      ...backbone,
      ropeStyle: 'interleaved',
      attentionBias: false,
      moe: {
        ...readSharedWidth(config, { expertHidden: 1536, numShared: 2 }, sharedKey),
        blocks: readInterval(config, backbone),
        numExperts: config.count('moe_num_experts', 64),
        topK: config.integer('moe_k', 6),
        correctionBias: true,
        normalizeWeights: true,
        ...readBalance(config, 0.001, 'allLayersByLogits'),
      },
    };
  },

  writeConfig(config) {
    const moe = expertsOf(config, kindOf(config), { correctionBias: true });
    const { attentionBias } = backboneOf(config);
    expectThat(!attentionBias, 'attentionBias', 'false', attentionBias);
    expectThat(moe.normalizeWeights, 'moe.normalizeWeights', 'true', moe.normalizeWeights);
    const sparse = sparseLayers(config);
    const [first = config.numLayers, last = -1] = [sparse[0], sparse.at(-1)];
    expectThat(sparse.length === 0 || last - first + 1 === sparse.length, 'moe.blocks', 'a run of blocks', sparse);
    return {
      ...writeLlamaLike(config, {}, { ropeStyle: 'interleaved' }),
      ...writeSharedWidth(moe, sharedKey),
      ...writeBalance(config),
      moe_k: moe.topK,
      moe_layer_end_index: last,
      moe_layer_interval: 1,
      moe_layer_start_index: first,
      moe_norm_min: new Float(1e-12),
      moe_num_experts: moe.numExperts,
      use_bias: false,
    };
  },

  isUnused: (name, config) => isUnusedLlamaLike(name, config) || name.includes('mtp'),
  published: (folder: PretrainedFolder) =>
    published(renameTensors(folder, (name) => name.replace('.mlp.gate.moe_statics.', '.mlp.moe_statics.'))),
  rules: [
    ...llamaLikeRules,
    ...expertRules,
    {
      ...same('block{layer}.router.correctionBias', 'model.layers.{layer}.mlp.moe_statics.e_score_correction_bias'),
      leadingOne: true,
    },
    ...swigluRules('shared', 'mlp.shared_experts'),
  ],
});

/** Every `moe_layer_interval`th of the layers from `moe_layer_start_index` to `moe_layer_end_index`. */
function readInterval(config: ConfigReader, { numLayers }: Pick<GptConfig, 'numLayers'>): number[] {
  const interval = config.integer('moe_layer_interval', 1);
  const start = config.integer('moe_layer_start_index', 1, { minimum: 0 });
  const end = config.integer('moe_layer_end_index', -1, { minimum: -1 });
  const last = end === -1 ? numLayers - 1 : end;
  return layersWhere(numLayers, (layer) => layer >= start && layer <= last && (layer + 1) % interval === 0);
}
