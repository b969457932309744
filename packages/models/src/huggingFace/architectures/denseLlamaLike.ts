import { expectThat } from '@scmoe/errors';

import { transposed } from '../tensors/TensorRule.js';
import { gptArchitecture } from './gptArchitecture.js';
import {
  fullAttentionOnly,
  isUnusedLlamaLike,
  llamaLikeRules,
  llamaLikeTie,
  readLlamaLike,
  wholeWindowOnly,
  writeLlamaLike,
} from './llamaLike.js';
import { backboneOf, denseOnly } from './requirements.js';

const denseRules = [
  ...llamaLikeRules,
  ...(['gate', 'up', 'down'] as const).map((name) =>
    transposed(`block{layer}.mlp.${name}`, `model.layers.{layer}.mlp.${name}_proj.weight`),
  ),
];

/** LLaMA (arXiv 2302.13971 and 2307.09288): rotary positions, RMSNorm, SwiGLU, grouped keys. */
export const llama = gptArchitecture({
  modelType: 'llama',
  className: 'LlamaForCausalLM',
  prefix: 'model.',
  readConfig(config) {
    config.only('mlp_bias', false);
    const attentionBias = config.boolean('attention_bias', false);
    return { ...readLlamaLike(config, { ropeTheta: 1e4, normEpsilon: 1e-6 }), attentionBias };
  },
  writeConfig(config) {
    denseOnly(config);
    const { attentionBias } = backboneOf(config);
    expectThat(attentionBias !== 'qkv', 'attentionBias', 'true or false', attentionBias);
    return { ...writeLlamaLike(config), attention_bias: attentionBias, mlp_bias: false };
  },
  isUnused: isUnusedLlamaLike,
  tied: llamaLikeTie,
  rules: denseRules,
});

/** Mistral (arXiv 2310.06825), where its window is the whole sequence. */
export const mistral = gptArchitecture({
  modelType: 'mistral',
  className: 'MistralForCausalLM',
  prefix: 'model.',
  readConfig(config) {
    const backbone = readLlamaLike(config, { ropeTheta: 1e4, normEpsilon: 1e-6 });
    wholeWindowOnly(config, backbone);
    return { ...backbone, attentionBias: false };
  },
  writeConfig(config) {
    denseOnly(config);
    const { attentionBias } = backboneOf(config);
    expectThat(!attentionBias, 'attentionBias', 'false', attentionBias);
    return writeLlamaLike(config);
  },
  isUnused: isUnusedLlamaLike,
  tied: llamaLikeTie,
  rules: denseRules,
});

/** Qwen2 and Qwen2.5: biases on q, k and v. */
export const qwen2 = gptArchitecture({
  modelType: 'qwen2',
  className: 'Qwen2ForCausalLM',
  prefix: 'model.',
  readConfig(config) {
    fullAttentionOnly(config);
    return { ...readLlamaLike(config, { ropeTheta: 1e4, normEpsilon: 1e-6 }), attentionBias: 'qkv' };
  },
  writeConfig(config) {
    denseOnly(config);
    const { attentionBias } = backboneOf(config);
    expectThat(attentionBias === 'qkv', 'attentionBias', 'qkv', attentionBias);
    return { ...writeLlamaLike(config), use_sliding_window: false };
  },
  isUnused: isUnusedLlamaLike,
  tied: llamaLikeTie,
  rules: denseRules,
});
