import { expectThat } from '@scmoe/errors';

import { readLaterWindows, readWindow, writeLayerWindows, writeWindow } from '../config/windows.js';
import { gptArchitecture } from './gptArchitecture.js';
import { llamaLikeFamily, llamaLikeRules, readLlamaLike, writeLlamaLike } from './llamaLike.js';
import { backboneOf, denseOnly } from './requirements.js';

const defaults = { ropeTheta: 1e4, normEpsilon: 1e-6 };

/** LLaMA (arXiv 2302.13971, 2307.09288 and 2407.21783): rotary positions, RMSNorm, SwiGLU, grouped keys. */
export const llama = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'llama',
  className: 'LlamaForCausalLM',
  readConfig(config) {
    config.only('mlp_bias', false);
    const attentionBias = config.boolean('attention_bias', false);
    return { ...readLlamaLike(config, defaults), attentionBias };
  },
  writeConfig(config) {
    denseOnly(config);
    const { attentionBias } = backboneOf(config);
    expectThat(attentionBias !== 'qkv', 'attentionBias', 'true or false', attentionBias);
    return { ...writeLlamaLike(config), attention_bias: attentionBias, mlp_bias: false, sliding_window: null };
  },
  rules: llamaLikeRules,
});

/** Mistral (arXiv 2310.06825): LLaMA with a window in every layer. */
export const mistral = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'mistral',
  className: 'MistralForCausalLM',
  readConfig: (config) => ({
    ...readLlamaLike(config, defaults),
    ...readWindow(config, 4096),
    attentionBias: false,
  }),
  writeConfig(config) {
    denseOnly(config);
    const { attentionBias } = backboneOf(config);
    expectThat(!attentionBias, 'attentionBias', 'false', attentionBias);
    return { ...writeLlamaLike(config, { window: null }), ...writeWindow(config) };
  },
  rules: llamaLikeRules,
});

/** Qwen2 and Qwen2.5 (arXiv 2407.10671): biases on q, k and v. */
export const qwen2 = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'qwen2',
  className: 'Qwen2ForCausalLM',
  readConfig(config) {
    const backbone = readLlamaLike(config, defaults);
    return { ...backbone, ...readLaterWindows(config, backbone), attentionBias: 'qkv' };
  },
  writeConfig(config) {
    denseOnly(config);
    const { attentionBias } = backboneOf(config);
    expectThat(attentionBias === 'qkv', 'attentionBias', 'qkv', attentionBias);
    return writeQwen(config, writeLlamaLike(config, { window: null }));
  },
  rules: llamaLikeRules,
});

/** Qwen3 (arXiv 2505.09388): queries and keys normalised head by head. */
export const qwen3 = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'qwen3',
  className: 'Qwen3ForCausalLM',
  readConfig(config) {
    const backbone = readLlamaLike(config, { ...defaults, headSize: 128 });
    return {
      ...backbone,
      ...readLaterWindows(config, backbone),
      qkNorm: 'perHead',
      attentionBias: config.boolean('attention_bias', false),
    };
  },
  writeConfig(config) {
    denseOnly(config);
    const { attentionBias } = backboneOf(config);
    expectThat(attentionBias !== 'qkv', 'attentionBias', 'true or false', attentionBias);
    const json = writeLlamaLike(config, { window: null, qkNorm: 'perHead' });
    return { ...writeQwen(config, json), attention_bias: attentionBias };
  },
  rules: llamaLikeRules,
});

/** The windows of dense Qwen models, which `layer_types` alone decides where it is there. */
function writeQwen(config: Parameters<typeof writeLayerWindows>[0], json: object) {
  const windows = writeLayerWindows(config);
  return { ...json, ...windows, use_sliding_window: windows['sliding_window'] !== null };
}
