import { expectThat } from '@scmoe/errors';

import type { GptConfig } from '../../gpt/GptConfig.js';
import type { ConfigReader } from '../config/ConfigReader.js';
import { same, transposed, type TensorRule } from '../tensors/TensorRule.js';
import { expertRules, published } from './experts.js';
import { gptArchitecture } from './gptArchitecture.js';
import { llamaLikeFamily, llamaLikeRules, readLlamaLike, swigluRules, writeLlamaLike } from './llamaLike.js';
import { backboneOf, expertsEverywhere, expertsOf } from './requirements.js';

const rules: readonly TensorRule[] = [
  ...llamaLikeRules.filter(({ theirs }) => !/[qk]_norm/.test(theirs)),
  same('block{layer}.attn.normQ.weight', 'model.layers.{layer}.self_attn.query_layernorm.weight'),
  same('block{layer}.attn.normK.weight', 'model.layers.{layer}.self_attn.key_layernorm.weight'),
  transposed('block{layer}.router.weight', 'model.layers.{layer}.mlp.gate.wg.weight'),
  ...expertRules.slice(1),
  ...swigluRules('shared', 'mlp.shared_mlp'),
];

/** Hunyuan (A13B): norms of queries and keys behind their rotation, a shared expert as wide as the others, softmax scores. */
export const hunyuanV1Moe = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'hunyuan_v1_moe',
  className: 'HunYuanMoEV1ForCausalLM',

  readConfig(config) {
    config.integer('head_dim');
    const backbone = readLlamaLike(config, { ropeTheta: 1e4, normEpsilon: 1e-5, hasRopeAlpha: true });
    // Said in what is published; nothing of it is read.
    config.skip(
      'use_qk_norm',
      'use_cla',
      'cla_share_factor',
      'use_mixed_mlp_moe',
      'norm_type',
      'moe_layer_num_skipped',
    );
    config.skip(
      'moe_random_routing_dropped_token',
      'moe_drop_tokens',
      'capacity_factor',
      'group_limited_greedy',
      'eod_token_id',
    );
    config.skip(
      'num_shared_expert',
      'moe_intermediate_size',
      'use_rotary_pos_emb',
      'mlp_bias',
      'sep_token_id',
      'im_end_id',
    );
    return {
      ...backbone,
      qkNorm: 'perHeadTurned',
      attentionBias: config.boolean('attention_bias', false),
      moe: {
        kind: 'shared',
        mix: 'add',
        numExperts: config.count(config.nameOf('num_experts', 'num_local_experts'), 1),
        topK: oneOfAll(config, 'moe_topk', 1, backbone),
        normalizeWeights: true,
        sharedHidden: backbone.ffnHidden,
        loadBalanceCoefficient: 0,
      },
    };
  },

  writeConfig(config) {
    const moe = expertsOf(config, 'shared');
    const { attentionBias, ffnHidden, headSize } = backboneOf(config);
    expertsEverywhere(config);
    expectThat(attentionBias !== 'qkv', 'attentionBias', 'true or false', attentionBias);
    expectThat(moe.normalizeWeights, 'moe.normalizeWeights', 'true', moe.normalizeWeights);
    expectThat(moe.shared!.mix === 'add', 'moe.mix', 'add', moe.shared!.mix);
    for (const [name, width] of [
      ['expertHidden', moe.expertHidden],
      ['sharedHidden', moe.shared!.hidden],
    ] as const)
      expectThat(width === ffnHidden, `moe.${name}`, `ffnHidden = ${ffnHidden}`, width);
    return {
      ...writeLlamaLike(config, { qkNorm: 'perHeadTurned' }),
      attention_bias: attentionBias,
      head_dim: headSize,
      moe_topk: moe.topK,
      num_experts: moe.numExperts,
    };
  },

  published,
  rules,
});

/** A number, or a list with one for each layer, which have to be the same. */
function oneOfAll(
  config: ConfigReader,
  key: string,
  fallback: number,
  { numLayers }: Pick<GptConfig, 'numLayers'>,
): number {
  const value = config.take(key);
  if (!Array.isArray(value)) return config.integer(key, fallback);
  const [first] = value as unknown[];
  const isRight = value.length === numLayers && value.every((each) => each === first) && Number.isSafeInteger(first);
  if (!isRight || (first as number) < 1)
    config.fail(key, `expected an integer of at least 1, or ${numLayers} of the same`);
  return first as number;
}
