import { expectThat } from '@scmoe/errors';

import type { GptConfig, ResolvedGpt } from '../../gpt/GptConfig.js';
import type { ConfigReader } from '../config/ConfigReader.js';
import { Float } from '../config/Float.js';
import type { JsonObject, PretrainedFolder } from '../folder/openFolder.js';
import { renameTensors } from '../layouts/renameTensors.js';
import { transposed, type TensorRule } from '../tensors/TensorRule.js';
import { readBalance, writeBalance } from './experts.js';
import { gptArchitecture } from './gptArchitecture.js';
import { llamaLikeFamily, llamaLikeRules, readLlamaLike, writeLlamaLike } from './llamaLike.js';
import { backboneOf, expertsEverywhere, expertsOf } from './requirements.js';

const experts = 'model.layers.{layer}.block_sparse_moe';

/** The experts are stacked in every layout, gate and up in one. */
const rules: readonly TensorRule[] = [
  ...llamaLikeRules,
  transposed('block{layer}.router.weight', `${experts}.router.layer.weight`),
  transposed(['block{layer}.experts.gate', 'block{layer}.experts.up'], `${experts}.input_linear.weight`),
  transposed('block{layer}.experts.down', `${experts}.output_linear.weight`),
  transposed(
    ['block{layer}.shared.gate', 'block{layer}.shared.up'],
    'model.layers.{layer}.shared_mlp.input_linear.weight',
  ),
  transposed('block{layer}.shared.down', 'model.layers.{layer}.shared_mlp.output_linear.weight'),
];

/** The names of modules in memory, which transformers 5 may save, in those that it publishes. */
const namesInMemory: Readonly<Record<string, string>> = {
  'experts.gate_up_proj': 'input_linear.weight',
  'experts.down_proj': 'output_linear.weight',
  'router.weight': 'router.layer.weight',
};

function published(folder: PretrainedFolder): PretrainedFolder {
  return renameTensors(folder, (name) =>
    name.replace(/(\.block_sparse_moe\.)(.+)$/, (whole, block: string, rest: string) =>
      rest in namesInMemory ? `${block}${namesInMemory[rest]!}` : whole,
    ),
  );
}

function moduleName(name: string): string {
  const found = Object.entries(namesInMemory).find(([, theirs]) => name.endsWith(`.block_sparse_moe.${theirs}`));
  return found ? `${name.slice(0, -found[1].length)}${found[0]}` : name;
}

/** Granite 3 MoE: LLaMA with experts in every layer, and factors on embeddings, scores, branches and logits. */
export const graniteMoe = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'granitemoe',
  className: 'GraniteMoeForCausalLM',
  readConfig: (config) => ({ ...readGranite(config), moe: { kind: 'standard', ...readExperts(config) } }),
  writeConfig: (config) => writeGranite(config, 'standard'),
  published,
  moduleName,
  rules,
});

/** Granite 4 without its state-space layers: the same with a shared expert beside the routed ones. */
export const graniteMoeShared = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'granitemoeshared',
  className: 'GraniteMoeSharedForCausalLM',
  readConfig(config) {
    const sharedHidden = config.integer('shared_intermediate_size', 0, { minimum: 0 });
    const shared =
      sharedHidden > 0 ? ({ kind: 'shared', mix: 'add', sharedHidden } as const) : { kind: 'standard' as const };
    return { ...readGranite(config), moe: { ...shared, ...readExperts(config) } };
  },
  writeConfig(config) {
    const { mix, hidden } = expertsOf(config, 'shared').shared!;
    expectThat(mix === 'add', 'moe.mix', 'add', mix);
    return { ...writeGranite(config, 'shared'), shared_intermediate_size: hidden };
  },
  published,
  moduleName,
  rules,
});

function readGranite(config: ConfigReader): Omit<GptConfig, 'moe'> {
  const scale = (key: string) => config.positive(key, 1);
  return {
    ...readLlamaLike(config, { ropeTheta: 1e4, normEpsilon: 1e-6 }),
    attentionBias: config.boolean('attention_bias', false),
    embeddingScale: scale('embedding_multiplier'),
    // It stands in the place of 1 / sqrt(head size), whose default it has not.
    attentionScale: scale('attention_multiplier'),
    residualScale: scale('residual_multiplier'),
    logitsDivisor: scale('logits_scaling'),
  };
}

function readExperts(config: ConfigReader) {
  return {
    numExperts: config.count('num_local_experts', 8),
    topK: config.integer('num_experts_per_tok', 2),
    // A softmax over the logits of the chosen is one over all of them, normalised.
    normalizeWeights: true,
    ...readBalance(config),
  };
}

function writeGranite(config: ResolvedGpt, kind: 'standard' | 'shared'): JsonObject {
  const moe = expertsOf(config, kind);
  const { attentionBias, attentionScale, residualScale, headSize, ffnHidden } = backboneOf(config);
  expertsEverywhere(config);
  expectThat(attentionBias !== 'qkv', 'attentionBias', 'true or false', attentionBias);
  expectThat(moe.normalizeWeights, 'moe.normalizeWeights', 'true', moe.normalizeWeights);
  expectThat(moe.expertHidden === ffnHidden, 'moe.expertHidden', `ffnHidden = ${ffnHidden}`, moe.expertHidden);
  const own = { attentionScale: null, residualScale: null, embeddingScale: null, logitsDivisor: null };
  return {
    ...writeLlamaLike(config, own),
    ...writeBalance(config),
    attention_bias: attentionBias,
    attention_multiplier: new Float(attentionScale ?? 1 / Math.sqrt(headSize)),
    embedding_multiplier: new Float(config.embeddingScale),
    logits_scaling: new Float(config.logitsDivisor),
    num_experts_per_tok: moe.topK,
    num_local_experts: moe.numExperts,
    residual_multiplier: new Float(residualScale),
  };
}
