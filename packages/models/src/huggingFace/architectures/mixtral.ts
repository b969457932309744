import { expectThat } from '@scmoe/errors';

import { Float } from '../config/Float.js';
import { renameTensors } from '../layouts/renameTensors.js';
import { splitExperts } from '../layouts/splitExperts.js';
import { transposed, type TensorRule } from '../tensors/TensorRule.js';
import { readWindow, writeWindow } from '../config/windows.js';
import { readBalance, writeBalance } from './experts.js';
import { gptArchitecture } from './gptArchitecture.js';
import { llamaLikeFamily, llamaLikeRules, readLlamaLike, writeLlamaLike } from './llamaLike.js';
import { backboneOf, expertsEverywhere, expertsOf } from './requirements.js';

const block = 'model.layers.{layer}.block_sparse_moe';

/** Router and experts under the names of Mixtral. */
export const mixtralExpertRules: readonly TensorRule[] = [
  transposed('block{layer}.router.weight', `${block}.gate.weight`),
  transposed('block{layer}.experts.gate', `${block}.experts.{expert}.w1.weight`),
  transposed('block{layer}.experts.up', `${block}.experts.{expert}.w3.weight`),
  transposed('block{layer}.experts.down', `${block}.experts.{expert}.w2.weight`),
];

/** The block's name in memory is `mlp`. */
export const mixtralModuleName = (name: string) => name.replace('.block_sparse_moe.', '.mlp.');

/** Mixtral (arXiv 2401.04088): in every layer top-k experts, the weights of the chosen ones normalised. */
export const mixtral = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'mixtral',
  className: 'MixtralForCausalLM',

  readConfig(config) {
    const backbone = readLlamaLike(config, { ropeTheta: 1e6, normEpsilon: 1e-5 });
    const jitter = config.number('router_jitter_noise', 0);
    return {
      ...backbone,
      ...readWindow(config),
      attentionBias: false,
      moe: {
        kind: 'standard',
        numExperts: config.count('num_local_experts'),
        topK: config.integer('num_experts_per_tok', 2),
        normalizeWeights: true,
        ...readBalance(config),
        // transformers multiplies the input of the whole block, in place.
        ...(jitter > 0 && { jitter, jitterExperts: true }),
      },
    };
  },

  writeConfig(config) {
    const moe = expertsOf(config, 'standard');
    const { attentionBias, ffnHidden } = backboneOf(config);
    expertsEverywhere(config);
    expectThat(!attentionBias, 'attentionBias', 'false', attentionBias);
    expectThat(moe.normalizeWeights, 'moe.normalizeWeights', 'true', moe.normalizeWeights);
    expectThat(moe.expertHidden === ffnHidden, 'moe.expertHidden', `ffnHidden = ${ffnHidden}`, moe.expertHidden);
    return {
      ...writeLlamaLike(config, { window: null }),
      ...writeWindow(config),
      ...writeBalance(config),
      num_experts_per_tok: moe.topK,
      num_local_experts: moe.numExperts,
      router_jitter_noise: new Float(moe.jitter),
    };
  },

  // In memory the block is `mlp`, and the experts are stacked.
  published: (folder) =>
    splitExperts(
      renameTensors(folder, (name) => name.replace(/(layers\.\d+)\.mlp\.(gate|experts)\./, '$1.block_sparse_moe.$2.')),
      { gate: 'w1', up: 'w3', down: 'w2' },
    ),

  moduleName: mixtralModuleName,
  rules: [...llamaLikeRules, ...mixtralExpertRules],
});
