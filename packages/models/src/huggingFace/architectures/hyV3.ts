import { expectThat } from '@scmoe/errors';

import { Float } from '../config/Float.js';
import { renameTensors } from '../layouts/renameTensors.js';
import { same, transposed, type TensorRule } from '../tensors/TensorRule.js';
import { kindOf, readSharedWidth, writeSharedWidth } from './biasedExperts.js';
import { readLayerTypes, writeLayerTypes } from './deepseek.js';
import { expertRules, published } from './experts.js';
import { gptArchitecture } from './gptArchitecture.js';
import { llamaLikeFamily, llamaLikeRules, readLlamaLike, swigluRules, writeLlamaLike } from './llamaLike.js';
import { backboneOf, expertsOf } from './requirements.js';

/** Names in files, and in memory: what fused folders have. */
const namesInMemory: readonly (readonly [string, string])[] = [
  ['mlp.router.gate.weight', 'mlp.gate.weight'],
  ['mlp.expert_bias', 'mlp.e_score_correction_bias'],
  ['mlp.shared_mlp.', 'mlp.shared_experts.'],
];

const rules: readonly TensorRule[] = [
  ...llamaLikeRules,
  transposed('block{layer}.router.weight', 'model.layers.{layer}.mlp.router.gate.weight'),
  ...expertRules.slice(1),
  same('block{layer}.router.correctionBias', 'model.layers.{layer}.mlp.expert_bias'),
  ...swigluRules('shared', 'mlp.shared_mlp'),
];

/** Hunyuan 3: sigmoid scores with a correction bias and a shared expert behind Qwen3's attention. */
export const hyV3 = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'hy_v3',
  className: 'HYV3ForCausalLM',
  readConfig(config) {
    const backbone = readLlamaLike(config, { ropeTheta: 11158840, normEpsilon: 1e-5, headSize: 128 });
    config.only('mlp_bias', false);
    // In which type the shared expert is added; and layers that predict further tokens.
    config.skip('enable_moe_fp32_combine', 'num_nextn_predict_layers');
    return {
      ...backbone,
      qkNorm: 'perHead',
      attentionBias: config.boolean('attention_bias', false),
      moe: {
        ...readSharedWidth(config, { expertHidden: 1536, numShared: 1 }, 'num_shared_experts'),
        blocks: readLayerTypes(config, backbone),
        numExperts: config.count(config.nameOf('num_experts', 'num_local_experts'), 192),
        topK: config.integer('num_experts_per_tok', 8),
        scoreFunction: 'sigmoid',
        correctionBias: true,
        normalizeWeights: true,
        routedScalingFactor: config.positive('router_scaling_factor', 2.826),
        loadBalanceCoefficient: 0,
      },
    };
  },
  writeConfig(config) {
    const router = { scoreFunction: 'sigmoid', correctionBias: true, routedScalingFactor: null } as const;
    const moe = expertsOf(config, kindOf(config), router);
    const { attentionBias } = backboneOf(config);
    expectThat(attentionBias !== 'qkv', 'attentionBias', 'true or false', attentionBias);
    expectThat(moe.normalizeWeights, 'moe.normalizeWeights', 'true', moe.normalizeWeights);
    return {
      ...writeLlamaLike(config, { qkNorm: 'perHead' }),
      ...writeSharedWidth(moe, 'num_shared_experts'),
      ...writeLayerTypes(config),
      attention_bias: attentionBias,
      mlp_bias: false,
      num_experts: moe.numExperts,
      num_experts_per_tok: moe.topK,
      router_scaling_factor: new Float(moe.routedScalingFactor),
    };
  },
  published: (folder) =>
    published(
      renameTensors(folder, (name) =>
        namesInMemory.reduce((found, [inFiles, inMemory]) => found.replace(inMemory, inFiles), name),
      ),
    ),
  moduleName: (name) => namesInMemory.reduce((found, [inFiles, inMemory]) => found.replace(inFiles, inMemory), name),
  rules,
});
