import { expectThat } from '@scmoe/errors';

import { Float } from '../config/Float.js';
import { readLayerWindows, writeLayerWindows } from '../config/windows.js';
import { same, transposed, type TensorRule } from '../tensors/TensorRule.js';
import { readBalance, writeBalance } from './experts.js';
import { gptArchitecture } from './gptArchitecture.js';
import { llamaLikeFamily, llamaLikeRules, readLlamaLike, writeLlamaLike } from './llamaLike.js';
import { backboneOf, expertsEverywhere, expertsOf } from './requirements.js';

const block = 'model.layers.{layer}.mlp';

/** Stacked experts, (E, in, out) as here; columns of gate and up take turns. */
const rules: readonly TensorRule[] = [
  ...llamaLikeRules,
  transposed('block{layer}.router.weight', `${block}.router.weight`),
  same('block{layer}.router.bias', `${block}.router.bias`),
  {
    ...same(['block{layer}.experts.gate', 'block{layer}.experts.up'], `${block}.experts.gate_up_proj`),
    interleaved: true,
  },
  {
    ...same(['block{layer}.experts.gateBias', 'block{layer}.experts.upBias'], `${block}.experts.gate_up_proj_bias`),
    interleaved: true,
  },
  same('block{layer}.experts.down', `${block}.experts.down_proj`),
  same('block{layer}.experts.downBias', `${block}.experts.down_proj_bias`),
];

/** What a configuration without any settings of rotary positions has. */
const yarn = { type: 'yarn', factor: 32, originalLength: 4096, betaFast: 32, betaSlow: 1, truncate: false } as const;

/** gpt-oss (arXiv 2508.10925): biases everywhere, a sink in every softmax, windows in every second layer, a clamped gate. */
export const gptOss = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'gpt_oss',
  className: 'GptOssForCausalLM',

  readConfig(config) {
    const backbone = readLlamaLike(config, { ropeTheta: 150000, normEpsilon: 1e-5, headSize: 64, ropeScaling: yarn });
    const { numLayers } = backbone;
    const window = config.integer('sliding_window', 128);
    // Said of the scaled angles, which the settings of the rotation say as well.
    config.skip(
      'initial_context_length',
      'rope_scaling_factor',
      'rope_ntk_alpha',
      'rope_ntk_beta',
      'swiglu_limit_dtype',
    );
    config.skip('experts_per_token');
    return {
      ...backbone,
      ...readLayerWindows(config, { window, numLayers, isSliding: (layer) => layer % 2 === 0 }),
      attentionBias: config.boolean('attention_bias', true),
      attentionSinks: true,
      ffnBias: true,
      clampedGlu: { limit: config.positive('swiglu_limit', 7), alpha: config.positive('swiglu_alpha', 1.702) },
      moe: {
        kind: 'standard',
        numExperts: config.count('num_local_experts', 128),
        topK: config.integer('num_experts_per_tok', 4),
        logitBias: true,
        // A softmax over the logits of the chosen is one over all of them, normalised.
        normalizeWeights: true,
        ...readBalance(config, 0.9),
      },
    };
  },

  writeConfig(config) {
    const moe = expertsOf(config, 'standard', { logitBias: true });
    const { attentionBias, ffnHidden, ffnBias, clampedGlu } = backboneOf(config);
    expectsAll(config, moe.expertHidden, ffnHidden);
    expectThat(attentionBias !== 'qkv', 'attentionBias', 'true or false', attentionBias);
    expectThat(moe.normalizeWeights, 'moe.normalizeWeights', 'true', moe.normalizeWeights);
    expectThat(ffnBias, 'ffnBias', 'true', ffnBias);
    expectThat(clampedGlu !== undefined, 'clampedGlu', 'a limit', clampedGlu);
    const own = { window: null, attentionSinks: true, clampedGlu: null };
    return {
      ...writeLlamaLike(config, own, { ffnBias: true }),
      ...writeLayerWindows(config),
      ...writeBalance(config),
      attention_bias: attentionBias,
      num_experts_per_tok: moe.topK,
      num_local_experts: moe.numExperts,
      swiglu_alpha: new Float(clampedGlu.alpha),
      swiglu_limit: new Float(clampedGlu.limit),
    };
  },

  rules,
});

function expectsAll(config: Parameters<typeof expertsEverywhere>[0], expertHidden: number, ffnHidden: number): void {
  expertsEverywhere(config);
  expectThat(expertHidden === ffnHidden, 'moe.expertHidden', `ffnHidden = ${ffnHidden}`, expertHidden);
}
