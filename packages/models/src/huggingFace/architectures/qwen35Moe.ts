import { ArgumentError, expectThat } from '@scmoe/errors';

import type { GptConfig } from '../../gpt/GptConfig.js';
import type { ConfigReader } from '../config/ConfigReader.js';
import type { PretrainedFolder } from '../folder/openFolder.js';
import { leaveOut } from '../layouts/leaveOut.js';
import { renameTensors } from '../layouts/renameTensors.js';
import {
  deltaRules,
  projection,
  readDeltaBackbone,
  readSharedExperts,
  withoutFurtherTokens,
  writeDeltaBackbone,
  writeSharedExperts,
} from './deltaLayers.js';
import { layersWhere } from './experts.js';
import { gptArchitecture } from './gptArchitecture.js';
import { llamaLikeFamily } from './llamaLike.js';
import { backboneOf, expertsEverywhere, expertsOf } from './requirements.js';

function readText(config: ConfigReader): GptConfig {
  const backbone = readDeltaBackbone(config, {
    ffnKey: 'moe_intermediate_size',
    // Of text alone all axes of a position are the same.
    ropeIgnored: ['mrope_section', 'mrope_interleaved'],
  });
  const experts = {
    numExperts: 256,
    topK: 8,
    blocks: layersWhere(backbone.numLayers, () => true),
    normalizeWeights: true,
  };
  config.only('attn_output_gate', true);
  config.only('decoder_sparse_step', 1);
  // No layer is dense; the weights are always normalised; states are float32; further tokens are not predicted here.
  config.skip('intermediate_size', 'norm_topk_prob', 'mamba_ssm_dtype');
  config.skip('mtp_num_hidden_layers', 'mtp_use_dedicated_embeddings');
  return { ...backbone, moe: readSharedExperts(config, experts) };
}

/** The text's tensors alone, under the names that a model of text has. */
function ofText(folder: PretrainedFolder): PretrainedFolder {
  const text = leaveOut(folder, (name) => /^(model\.)?visual\./.test(name), 'the part that sees images');
  return withoutFurtherTokens(renameTensors(text, (name) => name.replace(/^model\.language_model\./, 'model.')));
}

/** Qwen3.5, its text: Qwen3-Next with experts in every layer and its projections in plain order. */
export const qwen35MoeText = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'qwen3_5_moe_text',
  className: 'Qwen3_5MoeForCausalLM',
  readConfig: readText,
  writeConfig(config) {
    const { normalizeWeights, expertHidden } = expertsOf(config, 'shared');
    expertsEverywhere(config);
    expectThat(normalizeWeights, 'moe.normalizeWeights', 'true', normalizeWeights);
    const { ffnHidden } = backboneOf(config);
    expectThat(ffnHidden === expertHidden, 'ffnHidden', `moe.expertHidden = ${expertHidden}`, ffnHidden);
    const { intermediate_size: _, ...backbone } = writeDeltaBackbone(config);
    return { ...backbone, ...writeSharedExperts(config) };
  },
  published: ofText,
  rules: (config) =>
    deltaRules(config, [
      projection(['wq', 'wk', 'wv'], 'in_proj_qkv'),
      projection(['wg'], 'in_proj_z'),
      projection(['wBeta'], 'in_proj_b'),
      projection(['wDecay'], 'in_proj_a'),
    ]),
});

/** Qwen3.5 with its part that sees images, of which the text is read. Saved it is a model of text. */
export const qwen35Moe = {
  ...qwen35MoeText,
  modelType: 'qwen3_5_moe',
  savedAs: qwen35MoeText.modelType,
  className: 'Qwen3_5MoeForConditionalGeneration',
  readConfig(config: ConfigReader): GptConfig {
    config.skip('image_token_id', 'video_token_id', 'vision_start_token_id', 'vision_end_token_id', 'vision_config');
    const text = readText(config.section('text_config'));
    return { ...text, tiedEmbeddings: config.boolean('tie_word_embeddings', text.tiedEmbeddings) };
  },
  writeConfig(): never {
    throw new ArgumentError('vision_config: expected a part that sees images, got a model of text');
  },
};
