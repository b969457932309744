import { expectThat } from '@scmoe/errors';

import type { ResolvedGpt } from '../../gpt/GptConfig.js';
import type { MoeConfig } from '../../stages/resolveStages.js';
import type { ConfigReader } from '../config/ConfigReader.js';
import { Float } from '../config/Float.js';
import type { JsonObject } from '../folder/openFolder.js';
import { same, type TensorRule } from '../tensors/TensorRule.js';
import { expertRules } from './experts.js';
import { swigluRules } from './llamaLike.js';
import { expertsOf } from './requirements.js';

/** What a family has where its configuration says nothing. */
export interface BiasedExpertsDefaults {
  numExperts: number;
  topK: number;
  expertHidden: number;
  numShared: number;
  numGroups: number;
  topKGroups: number;
  normalizeWeights: boolean;
  routedScalingFactor: number;
}

/**
 * The experts of DeepSeek-V3 (arXiv 2412.19437, section 2.1.2) and its kin: sigmoid scores, a correction bias that counts
 * for the choice alone, groups, and a shared expert as wide as several.
 *
 * @param blocks layers that have them
 */
export function readBiasedExperts(
  config: ConfigReader,
  defaults: BiasedExpertsDefaults,
  blocks: readonly number[],
): MoeConfig {
  // Said of the method, which is this one, and of the training.
  config.skip('scoring_func', 'topk_method', 'moe_layer_freq', 'ep_size', 'aux_loss_alpha', 'seq_aux');
  config.skip('num_nextn_predict_layers');
  const numGroups = config.integer('n_group', defaults.numGroups);
  const topKGroups = config.integer('topk_group', defaults.topKGroups);
  return {
    ...readSharedWidth(config, defaults),
    blocks,
    numExperts: config.count('n_routed_experts', defaults.numExperts),
    topK: config.integer('num_experts_per_tok', defaults.topK),
    scoreFunction: 'sigmoid',
    correctionBias: true,
    normalizeWeights: config.boolean('norm_topk_prob', defaults.normalizeWeights),
    routedScalingFactor: config.positive('routed_scaling_factor', defaults.routedScalingFactor),
    ...(numGroups > 1 && { numGroups, topKGroups, groupScore: 'top2sum' }),
    loadBalanceCoefficient: 0,
  };
}

/** Widths of an expert and of the shared one, which is as wide as several. */
export function readSharedWidth(
  config: ConfigReader,
  { expertHidden: hidden, numShared }: Pick<BiasedExpertsDefaults, 'expertHidden' | 'numShared'>,
  sharedKey = 'n_shared_experts',
) {
  const expertHidden = config.integer('moe_intermediate_size', hidden);
  const isNone = config.isNull(sharedKey);
  config.skip(sharedKey);
  const count = isNone ? 0 : config.integer(sharedKey, numShared, { minimum: 0 });
  if (count === 0) return { kind: 'standard', expertHidden } as const;
  return { kind: 'shared', mix: 'add', expertHidden, sharedHidden: count * expertHidden } as const;
}

/** The same options as {@link readBiasedExperts} reads. @throws ArgumentError where the model has something else */
export function writeBiasedExperts(config: ResolvedGpt): JsonObject {
  const moe = expertsOf(config, kindOf(config), {
    scoreFunction: 'sigmoid',
    correctionBias: true,
    routedScalingFactor: null,
    numGroups: null,
    topKGroups: null,
  });
  const ofGroups = moe.numGroups === 1 || moe.groupScore === 'top2sum';
  expectThat(ofGroups, 'moe.groupScore', 'top2sum', moe.groupScore);
  return {
    ...writeSharedWidth(moe),
    n_group: moe.numGroups,
    n_routed_experts: moe.numExperts,
    norm_topk_prob: moe.normalizeWeights,
    num_experts_per_tok: moe.topK,
    routed_scaling_factor: new Float(moe.routedScalingFactor),
    topk_group: moe.topKGroups,
  };
}

/** The kind of a family's experts, which have a shared one or not. */
export function kindOf({ stages }: ResolvedGpt): 'standard' | 'shared' {
  return stages.some(({ config }) => config.moe?.shared) ? 'shared' : 'standard';
}

export function writeSharedWidth(
  { expertHidden, shared }: ReturnType<typeof expertsOf>,
  sharedKey = 'n_shared_experts',
): JsonObject {
  const count = (shared?.hidden ?? 0) / expertHidden;
  if (shared) expectThat(shared.mix === 'add', 'moe.mix', 'add', shared.mix);
  expectThat(
    Number.isInteger(count),
    'moe.sharedHidden',
    `a multiple of expertHidden = ${expertHidden}`,
    shared?.hidden,
  );
  return { moe_intermediate_size: expertHidden, [sharedKey]: count };
}

/** Router, experts and shared expert. */
export const biasedExpertRules: readonly TensorRule[] = [
  ...expertRules,
  same('block{layer}.router.correctionBias', 'model.layers.{layer}.mlp.gate.e_score_correction_bias'),
  ...swigluRules('shared', 'mlp.shared_experts'),
];
