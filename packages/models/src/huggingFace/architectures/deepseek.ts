import { expectThat } from '@scmoe/errors';

import type { GptConfig, ResolvedGpt } from '../../gpt/GptConfig.js';
import type { ConfigReader } from '../config/ConfigReader.js';
import { Float } from '../config/Float.js';
import type { JsonObject } from '../folder/openFolder.js';
import {
  biasedExpertRules,
  kindOf,
  readBiasedExperts,
  readSharedWidth,
  writeBiasedExperts,
  writeSharedWidth,
} from './biasedExperts.js';
import { firstDense, layersWhere, published } from './experts.js';
import { gptArchitecture } from './gptArchitecture.js';
import { latentRules, readLatent, writeLatent } from './latentAttention.js';
import { llamaLikeFamily, outerRules, swigluRules } from './llamaLike.js';
import { expertsOf, sparseLayers } from './requirements.js';

const rules = [
  ...outerRules(),
  ...latentRules('block{layer}.attn', 'model.layers.{layer}.self_attn'),
  ...swigluRules('mlp', 'mlp'),
  ...biasedExpertRules,
];
const sizes = { qLoraRank: 1536, qkNopeHeadDim: 128, vHeadDim: 128, normEpsilon: 1e-6 };

/** DeepSeek-V3 and R1 (arXiv 2412.19437), and what is published in its form (Kimi-K2, Moonlight). */
export const deepseekV3 = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'deepseek_v3',
  className: 'DeepseekV3ForCausalLM',
  readConfig(config) {
    const backbone = readLatent(config, { ...sizes, hasStyle: true });
    const defaults = { numExperts: 256, topK: 8, expertHidden: 2048, numShared: 1, numGroups: 8, topKGroups: 4 };
    const experts = { ...defaults, normalizeWeights: true, routedScalingFactor: 2.5 };
    return { ...backbone, moe: readBiasedExperts(config, experts, layersBehindDense(config, backbone, 3)) };
  },
  writeConfig: (config) => ({
    ...writeLatent(config, { hasStyle: true }),
    ...writeBiasedExperts(config),
    first_k_dense_replace: firstDense(config),
  }),
  published,
  rules,
});

/** DeepSeek-V2 (arXiv 2405.04434): softmax scores, groups by their best expert, weights that are never normalised. */
export const deepseekV2 = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'deepseek_v2',
  className: 'DeepseekV2ForCausalLM',
  readConfig(config) {
    const backbone = readLatent(config, { ...sizes, hasStyle: false });
    // transformers reads the first and does not heed it.
    config.skip('norm_topk_prob', 'scoring_func', 'moe_layer_freq', 'ep_size', 'aux_loss_alpha', 'seq_aux');
    config.only('mlp_bias', false);
    return {
      ...backbone,
      moe: {
        ...readSharedWidth(config, { expertHidden: 1407, numShared: 2 }),
        blocks: layersBehindDense(config, backbone, 0),
        numExperts: config.count('n_routed_experts', 64),
        topK: config.integer(config.nameOf('num_experts_per_tok'), 2),
        normalizeWeights: false,
        routedScalingFactor: config.positive('routed_scaling_factor', 1),
        ...readGroups(config),
        loadBalanceCoefficient: 0,
      },
    };
  },
  writeConfig(config) {
    const own = { normalizeWeights: false, routedScalingFactor: null, numGroups: null, topKGroups: null };
    const moe = expertsOf(config, kindOf(config), own);
    const hasGroups = moe.numGroups > 1;
    expectThat(!hasGroups || moe.groupScore === 'max', 'moe.groupScore', 'max', moe.groupScore);
    return {
      ...writeLatent(config, { hasStyle: false }),
      ...writeSharedWidth(moe),
      first_k_dense_replace: firstDense(config),
      n_group: hasGroups ? moe.numGroups : null,
      n_routed_experts: moe.numExperts,
      norm_topk_prob: false,
      num_experts_per_tok: moe.topK,
      routed_scaling_factor: new Float(moe.routedScalingFactor),
      topk_group: hasGroups ? moe.topKGroups : null,
      topk_method: hasGroups ? 'group_limited_greedy' : 'greedy',
    };
  },
  published,
  rules,
});

/** GLM-4.7-Flash: DeepSeek-V3's attention and router, and a list that names the dense layers. */
export const glm4MoeLite = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'glm4_moe_lite',
  className: 'Glm4MoeLiteForCausalLM',
  readConfig(config) {
    const own = { qLoraRank: 768, qkNopeHeadDim: 192, vHeadDim: 256, normEpsilon: 1e-5 };
    const backbone = readLatent(config, { ...own, hasStyle: true });
    const defaults = { numExperts: 64, topK: 4, expertHidden: 1536, numShared: 1, numGroups: 1, topKGroups: 1 };
    const experts = { ...defaults, normalizeWeights: true, routedScalingFactor: 1.8 };
    return { ...backbone, moe: readBiasedExperts(config, experts, readLayerTypes(config, backbone)) };
  },
  writeConfig: (config) => ({
    ...writeLatent(config, { hasStyle: true }),
    ...writeBiasedExperts(config),
    ...writeLayerTypes(config),
  }),
  published,
  rules,
});

/** Layers with experts: those behind the first `first_k_dense_replace`. */
export function layersBehindDense(
  config: ConfigReader,
  { numLayers }: Pick<GptConfig, 'numLayers'>,
  fallback: number,
): number[] {
  const first = config.integer('first_k_dense_replace', fallback, { minimum: 0 });
  return layersWhere(numLayers, (layer) => layer >= first);
}

function readGroups(config: ConfigReader) {
  const isGrouped = config.oneOf('topk_method', { greedy: false, group_limited_greedy: true }, 'greedy');
  if (isGrouped)
    return {
      numGroups: config.integer('n_group'),
      topKGroups: config.integer('topk_group'),
      groupScore: 'max',
    } as const;
  config.skip('n_group', 'topk_group');
  return {};
}

/** Layers that `mlp_layer_types` calls sparse; by default all but the first. */
export function readLayerTypes(config: ConfigReader, { numLayers }: Pick<GptConfig, 'numLayers'>): number[] {
  const types =
    config.take('mlp_layer_types') ?? layersWhere(numLayers, () => true).map((i) => (i === 0 ? 'dense' : 'sparse'));
  const isList =
    Array.isArray(types) && types.length === numLayers && types.every((type) => type === 'dense' || type === 'sparse');
  if (!isList) config.fail('mlp_layer_types', `expected ${numLayers} of "dense", "sparse"`);
  return layersWhere(numLayers, (layer) => (types as unknown[])[layer] === 'sparse');
}

export function writeLayerTypes(config: ResolvedGpt): JsonObject {
  const sparse = sparseLayers(config);
  return {
    mlp_layer_types: layersWhere(config.numLayers, () => true).map((i) => (sparse.includes(i) ? 'sparse' : 'dense')),
  };
}
