import { expectThat } from '@scmoe/errors';

import { expertRules, published, readBalance, writeBalance } from './experts.js';
import { gptArchitecture } from './gptArchitecture.js';
import {
  attentionRules,
  llamaLikeFamily,
  llamaLikeRules,
  outerRules,
  readLlamaLike,
  swigluRules,
  writeLlamaLike,
} from './llamaLike.js';
import { backboneOf, denseOnly, expertsEverywhere, expertsOf } from './requirements.js';

/** OLMo 2 and its kin: norms behind attention and MLP, none before them. */
const rulesOfNormsAfter = [
  ...outerRules({ attention: 'post_attention_layernorm', feedForward: 'post_feedforward_layernorm' }),
  ...attentionRules,
];

/** OLMo 2 (arXiv 2501.00656): queries and keys normalised as a whole, norms behind attention and MLP. */
export const olmo2 = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'olmo2',
  className: 'Olmo2ForCausalLM',
  readConfig: (config) => ({
    ...readLlamaLike(config, { ropeTheta: 1e4, normEpsilon: 1e-5 }),
    qkNorm: 'whole',
    normPlacement: 'after',
    attentionBias: config.boolean('attention_bias', false),
  }),
  writeConfig(config) {
    denseOnly(config);
    return {
      ...writeLlamaLike(config, { qkNorm: 'whole', normPlacement: 'after' }),
      attention_bias: wholeBias(config),
    };
  },
  rules: [...rulesOfNormsAfter, ...swigluRules('mlp', 'mlp')],
});

/** OLMoE (arXiv 2409.02060): experts in every layer, queries and keys normalised as a whole, then clipped with the values. */
export const olmoe = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'olmoe',
  className: 'OlmoeForCausalLM',
  readConfig(config) {
    const backbone = readLlamaLike(config, { ropeTheta: 1e4, normEpsilon: 1e-5 });
    const clipQkv = config.isNull('clip_qkv') || !config.has('clip_qkv') ? undefined : config.positive('clip_qkv');
    config.skip('clip_qkv');
    return {
      ...backbone,
      qkNorm: 'whole',
      ...(clipQkv !== undefined && { clipQkv }),
      attentionBias: config.boolean('attention_bias', false),
      moe: readExperts(config, { numExperts: 64, topK: 8 }),
    };
  },
  writeConfig: (config) => ({
    ...writeLlamaLike(config, { qkNorm: 'whole', clipQkv: null }),
    ...writeExperts(config),
    clip_qkv: backboneOf(config).clipQkv ?? null,
  }),
  published,
  rules: [...llamaLikeRules, ...expertRules],
});

/** FlexOlmo (arXiv 2507.07024): the experts of OLMoE in the layers of OLMo 2. */
export const flexOlmo = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'flex_olmo',
  className: 'FlexOlmoForCausalLM',
  readConfig: (config) => ({
    ...readLlamaLike(config, { ropeTheta: 5e5, normEpsilon: 1e-6 }),
    qkNorm: 'whole',
    normPlacement: 'after',
    attentionBias: config.boolean('attention_bias', false),
    moe: readExperts(config, { numExperts: 7, topK: 5 }),
  }),
  writeConfig: (config) => ({
    ...writeLlamaLike(config, { qkNorm: 'whole', normPlacement: 'after' }),
    ...writeExperts(config),
  }),
  published,
  rules: [...rulesOfNormsAfter, ...expertRules],
});

function readExperts(
  config: Parameters<typeof readLlamaLike>[0],
  { numExperts, topK }: { numExperts: number; topK: number },
) {
  return {
    kind: 'standard',
    numExperts: config.count('num_experts', numExperts),
    topK: config.integer('num_experts_per_tok', topK),
    normalizeWeights: config.boolean('norm_topk_prob', false),
    ...readBalance(config, 0.01),
  } as const;
}

function writeExperts(config: Parameters<typeof writeLlamaLike>[0]) {
  const moe = expertsOf(config, 'standard');
  const { ffnHidden } = backboneOf(config);
  expertsEverywhere(config);
  expectThat(moe.expertHidden === ffnHidden, 'moe.expertHidden', `ffnHidden = ${ffnHidden}`, moe.expertHidden);
  return {
    ...writeBalance(config),
    attention_bias: wholeBias(config),
    norm_topk_prob: moe.normalizeWeights,
    num_experts: moe.numExperts,
    num_experts_per_tok: moe.topK,
  };
}

function wholeBias(config: Parameters<typeof writeLlamaLike>[0]): boolean {
  const { attentionBias } = backboneOf(config);
  expectThat(attentionBias !== 'qkv', 'attentionBias', 'true or false', attentionBias);
  return attentionBias;
}
