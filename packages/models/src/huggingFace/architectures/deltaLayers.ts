import { expectThat } from '@scmoe/errors';

import type { GptConfig, ResolvedGpt } from '../../gpt/GptConfig.js';
import type { ConfigReader } from '../config/ConfigReader.js';
import type { JsonObject, PretrainedFolder } from '../folder/openFolder.js';
import { leaveOut } from '../layouts/leaveOut.js';
import { same, transposed, type TensorRule } from '../tensors/TensorRule.js';
import { expertRules, layersWhere, published, readBalance, writeBalance } from './experts.js';
import { attentionRules, outerRules, readLlamaLike, swigluRules, writeLlamaLike } from './llamaLike.js';
import { backboneOf, expertsOf } from './requirements.js';

const kinds = ['full_attention', 'linear_attention'] as const;

/** What Qwen3-Next and Qwen3.5 have alike but their experts: gated delta networks in some layers, gated attention in others. */
export function readDeltaBackbone(
  config: ConfigReader,
  { ffnKey, ropeIgnored }: { ffnKey?: string; ropeIgnored?: readonly string[] } = {},
): Omit<GptConfig, 'moe'> {
  const backbone = readLlamaLike(config, {
    ropeTheta: 1e4,
    normEpsilon: 1e-6,
    headSize: 256,
    partialRotary: 0.25,
    norm: 'zeroCentredRms',
    ffnKey,
    ropeIgnored,
  });
  return {
    ...backbone,
    qkNorm: 'perHead',
    outputGate: true,
    attentionBias: config.boolean('attention_bias', false),
    gatedDelta: {
      numKeyHeads: config.integer('linear_num_key_heads', 16),
      numValueHeads: config.integer('linear_num_value_heads', 32),
      keyHeadDim: config.integer('linear_key_head_dim', 128),
      valueHeadDim: config.integer('linear_value_head_dim', 128),
      convTaps: config.integer('linear_conv_kernel_dim', 4),
    },
    deltaLayers: readDeltaLayers(config, backbone),
  };
}

/** Layers that `layer_types` calls linear; without a list all but every fourth, or `full_attention_interval`th. */
function readDeltaLayers(config: ConfigReader, { numLayers }: Pick<GptConfig, 'numLayers'>): number[] {
  const interval = config.integer('full_attention_interval', 4);
  const types = config.take('layer_types');
  if (types === undefined) return layersWhere(numLayers, (layer) => (layer + 1) % interval !== 0);
  const isList = Array.isArray(types) && types.length === numLayers;
  if (!isList || !types.every((type) => (kinds as readonly unknown[]).includes(type)))
    config.fail('layer_types', `expected ${numLayers} of ${kinds.map((kind) => JSON.stringify(kind)).join(', ')}`);
  return layersWhere(numLayers, (layer) => (types as unknown[])[layer] === kinds[1]);
}

/** The same options. @throws ArgumentError where the model has something else, or layers of one kind alone */
export function writeDeltaBackbone(config: ResolvedGpt): JsonObject {
  const attention = config.stages.filter((stage) => !stage.config.gatedDelta);
  const sizes = config.stages.find((stage) => stage.config.gatedDelta)?.config.gatedDelta;
  expectThat(sizes !== undefined, 'gatedDelta', 'sizes of a gated delta network', sizes);
  expectThat(attention.length > 0, 'deltaLayers', 'at least one block with attention', 'all blocks');
  const full = { ...config, stages: attention };
  const { attentionBias } = backboneOf(full);
  expectThat(attentionBias !== 'qkv', 'attentionBias', 'true or false', attentionBias);
  const own = { qkNorm: 'perHead', outputGate: true };
  return {
    ...writeLlamaLike(full, own, { partialRotary: 0.25, norm: 'zeroCentredRms' }),
    attention_bias: attentionBias,
    layer_types: config.stages.map((stage) => kinds[stage.config.gatedDelta ? 1 : 0]),
    linear_conv_kernel_dim: sizes.convTaps,
    linear_key_head_dim: sizes.keyHeadDim,
    linear_num_key_heads: sizes.numKeyHeads,
    linear_num_value_heads: sizes.numValueHeads,
    linear_value_head_dim: sizes.valueHeadDim,
  };
}

/** Experts behind a softmax router, and a gated shared one (`cg1`). */
export function readSharedExperts(
  config: ConfigReader,
  defaults: { numExperts: number; topK: number; blocks: number[]; normalizeWeights: boolean },
): GptConfig['moe'] {
  return {
    kind: 'shared',
    mix: 'cg1',
    blocks: defaults.blocks,
    numExperts: config.count('num_experts', defaults.numExperts),
    topK: config.integer('num_experts_per_tok', defaults.topK),
    normalizeWeights: defaults.normalizeWeights,
    expertHidden: config.integer('moe_intermediate_size', 512),
    sharedHidden: config.integer('shared_expert_intermediate_size', 512),
    ...readBalance(config),
  };
}

/** The same options. @throws ArgumentError where the experts are others */
export function writeSharedExperts(config: ResolvedGpt): JsonObject {
  const moe = expertsOf(config, 'shared', { normalizeWeights: null });
  expectThat(moe.shared!.mix === 'cg1', 'moe.mix', 'cg1', moe.shared!.mix);
  return {
    ...writeBalance(config),
    moe_intermediate_size: moe.expertHidden,
    num_experts: moe.numExperts,
    num_experts_per_tok: moe.topK,
    shared_expert_intermediate_size: moe.shared!.hidden,
  };
}

const linear = 'model.layers.{layer}.linear_attn';

/**
 * Names of all tensors.
 *
 * @param projections of the gated delta networks, from what they read
 */
export function deltaRules(
  { numLayers, numHeads, gatedDelta, deltaLayers = [] }: GptConfig,
  projections: readonly TensorRule[],
): TensorRule[] {
  const { numKeyHeads, numValueHeads, keyHeadDim, valueHeadDim, convTaps = 4 } = gatedDelta!;
  const channels = 2 * numKeyHeads * keyHeadDim + numValueHeads * valueHeadDim;
  const full = layersWhere(numLayers, (layer) => !deltaLayers.includes(layer));
  const queries = 'model.layers.{layer}.self_attn.q_proj';
  // Head by head the rows of the query, then those of the gate.
  const ofAttention = [
    { ...transposed(['block{layer}.attn.wq', 'block{layer}.attn.wg'], `${queries}.weight`), groups: numHeads },
    { ...same(['block{layer}.attn.bq', 'block{layer}.attn.bg'], `${queries}.bias`), groups: numHeads },
    ...attentionRules.filter(({ theirs }) => !theirs.startsWith(queries)),
  ];
  const ofDelta = [
    ...projections,
    { ...transposed('block{layer}.attn.conv', `${linear}.conv1d.weight`), shape: [channels, 1, convTaps] },
    same('block{layer}.attn.logRate', `${linear}.A_log`),
    same('block{layer}.attn.decayBias', `${linear}.dt_bias`),
    same('block{layer}.attn.norm.weight', `${linear}.norm.weight`),
    transposed('block{layer}.attn.wo', `${linear}.out_proj.weight`),
  ];
  return [
    ...outerRules(),
    ...ofAttention.map((rule) => ({ ...rule, layers: full })),
    ...ofDelta.map((rule) => ({ ...rule, layers: deltaLayers })),
    ...swigluRules('mlp', 'mlp'),
    ...expertRules,
    ...swigluRules('shared', 'mlp.shared_expert'),
    transposed('block{layer}.mix.weight', 'model.layers.{layer}.mlp.shared_expert_gate.weight'),
  ];
}

/** Rules of a projection whose rows are those of several of ours. */
export function projection(ours: readonly string[], theirs: string, groups = 1): TensorRule {
  const names = ours.map((name) => `block{layer}.attn.${name}`);
  return { ...transposed(names, `${linear}.${theirs}.weight`), groups };
}

/** One expert by one, without the layers that predict further tokens. */
export function withoutFurtherTokens(folder: PretrainedFolder): PretrainedFolder {
  return published(leaveOut(folder, (name) => name.startsWith('mtp.'), 'the prediction of further tokens'));
}
