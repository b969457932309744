import { expectThat } from '@scmoe/errors';

import type { ResolvedGpt } from '../../gpt/GptConfig.js';
import { readLayerWindows, writeLayerWindows } from '../config/windows.js';
import { biasedExpertRules, readBiasedExperts, writeBiasedExperts } from './biasedExperts.js';
import { layersBehindDense } from './deepseek.js';
import { firstDense, layersWhere, published } from './experts.js';
import { gptArchitecture } from './gptArchitecture.js';
import { llamaLikeFamily, llamaLikeRules, readLlamaLike, writeLlamaLike } from './llamaLike.js';
import { backboneOf, expertsEverywhere } from './requirements.js';

const rules = [...llamaLikeRules, ...biasedExpertRules];
const router = { numGroups: 1, topKGroups: 1, routedScalingFactor: 1 };

/** GLM-4.5 and 4.6 (arXiv 2508.06471): DeepSeek-V3's experts behind grouped keys; half of each head turns. */
export const glm4Moe = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'glm4_moe',
  className: 'Glm4MoeForCausalLM',
  readConfig(config) {
    const backbone = readLlamaLike(config, { ropeTheta: 1e4, normEpsilon: 1e-5, partialRotary: 0.5 });
    const experts = { ...router, numExperts: 128, topK: 8, expertHidden: 1408, numShared: 1, normalizeWeights: true };
    return {
      ...backbone,
      qkNorm: config.boolean('use_qk_norm', false) ? 'perHead' : 'none',
      attentionBias: config.boolean('attention_bias', false) && 'qkv',
      moe: readBiasedExperts(config, experts, layersBehindDense(config, backbone, 1)),
    };
  },
  writeConfig(config) {
    const { attentionBias, qkNorm } = backboneOf(config);
    expectThat(attentionBias !== true, 'attentionBias', '"qkv" or false', attentionBias);
    expectThat(qkNorm === 'perHead' || qkNorm === 'none', 'qkNorm', 'perHead or none', qkNorm);
    return {
      ...writeLlamaLike(config, { qkNorm: null }, { partialRotary: 0.5 }),
      ...writeBiasedExperts(config),
      attention_bias: attentionBias === 'qkv',
      first_k_dense_replace: firstDense(config),
      use_qk_norm: qkNorm === 'perHead',
    };
  },
  published,
  rules,
});

/** Solar Open: GLM-4.5 with whole heads that turn and experts in every layer. */
export const solarOpen = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'solar_open',
  className: 'SolarOpenForCausalLM',
  readConfig(config) {
    const backbone = readLlamaLike(config, {
      ropeTheta: 1e6,
      normEpsilon: 1e-5,
      headSize: 128,
      ffnKey: 'moe_intermediate_size',
    });
    const experts = { ...router, numExperts: 128, topK: 8, expertHidden: 1280, numShared: 1, normalizeWeights: true };
    // No layer is dense, whatever these say.
    config.skip('intermediate_size');
    config.only('first_k_dense_replace', 0);
    config.only('use_qk_norm', false);
    return {
      ...backbone,
      attentionBias: config.boolean('attention_bias', false) && 'qkv',
      moe: readBiasedExperts(
        config,
        experts,
        layersWhere(backbone.numLayers, () => true),
      ),
    };
  },
  writeConfig(config) {
    const { attentionBias } = backboneOf(config);
    expectThat(attentionBias !== true, 'attentionBias', '"qkv" or false', attentionBias);
    expectsAll(config);
    return {
      ...writeLlamaLike(config),
      ...writeBiasedExperts(config),
      attention_bias: attentionBias === 'qkv',
    };
  },
  published,
  rules,
});

/** dots.llm1 (arXiv 2506.05767): Qwen3's attention and DeepSeek-V3's router without groups. */
export const dots1 = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'dots1',
  className: 'Dots1ForCausalLM',
  readConfig(config) {
    const backbone = readLlamaLike(config, { ropeTheta: 1e4, normEpsilon: 1e-6 });
    const { numLayers } = backbone;
    const hasWindow = !config.isNull('sliding_window');
    config.skip('sliding_window');
    const window = hasWindow ? config.integer('sliding_window', 4096) : undefined;
    const firstWindow = config.integer('max_window_layers', 62, { minimum: 0 });
    const isSliding = (layer: number) => hasWindow && layer >= firstWindow;
    const experts = { ...router, numExperts: 256, topK: 8, expertHidden: 1408, numShared: 0, normalizeWeights: false };
    return {
      ...backbone,
      ...readLayerWindows(config, { window, numLayers, isSliding }),
      qkNorm: 'perHead',
      attentionBias: config.boolean('attention_bias', false),
      moe: readBiasedExperts(config, experts, layersBehindDense(config, backbone, 0)),
    };
  },
  writeConfig(config) {
    const { attentionBias } = backboneOf(config);
    expectThat(attentionBias !== 'qkv', 'attentionBias', 'true or false', attentionBias);
    return {
      ...writeLlamaLike(config, { qkNorm: 'perHead', window: null }),
      ...writeLayerWindows(config),
      ...writeBiasedExperts(config),
      attention_bias: attentionBias,
      first_k_dense_replace: firstDense(config),
      max_window_layers: config.numLayers,
    };
  },
  published,
  rules,
});

function expectsAll(config: ResolvedGpt): void {
  expectThat(firstDense(config) === 0, 'moe.blocks', 'experts in every block', firstDense(config));
  expertsEverywhere(config);
}
