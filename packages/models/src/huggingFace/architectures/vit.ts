import { expectThat } from '@scmoe/errors';

import { Vit } from '../../vit/Vit.js';
import { resolveVit, type ResolvedVit, type VitConfig } from '../../vit/VitConfig.js';
import { vitSpecs } from '../../vit/vitSpecs.js';
import type { Architecture } from '../Architecture.js';
import type { ConfigReader } from '../config/ConfigReader.js';
import { Float } from '../config/Float.js';
import type { PretrainedFolder } from '../folder/openFolder.js';
import { tensorsOf, viewFolder } from '../folder/viewFolder.js';
import { renameTensors } from '../layouts/renameTensors.js';
import { PretrainedError } from '../PretrainedError.js';
import { same, transposed, type TensorRule } from '../tensors/TensorRule.js';
import { layerRules } from './layerRules.js';
import { vitClassifier } from './vitClassifier.js';

const activations = { gelu: 'gelu', gelu_new: 'gelu_tanh', gelu_pytorch_tanh: 'gelu_tanh', silu: 'silu' } as const;

/** ViT (Dosovitskiy et al., arXiv 2010.11929) as a classifier: class token, learned positions, LayerNorm, biases. */
export const vit: Architecture<VitConfig, Vit> = {
  modelType: 'vit',
  className: 'ViTForImageClassification',
  model: Vit,
  prefix: 'vit.',

  readConfig(config) {
    // Without it only the projection behind attention has a bias: `published` gives zeros for the others.
    config.boolean('qkv_bias', true);
    config.skip('hidden_dropout_prob', 'attention_probs_dropout_prob');
    config.skip('encoder_stride', 'pooler_act', 'pooler_output_size');
    return {
      imageSize: sideOf(config, 'image_size', 224),
      patchSize: sideOf(config, 'patch_size', 16),
      numChannels: config.integer('num_channels', 3),
      ...classesOf(config),
      numLayers: config.count('num_hidden_layers'),
      dModel: config.integer('hidden_size'),
      numHeads: config.integer('num_attention_heads'),
      ffnHidden: config.integer('intermediate_size'),
      activation: config.oneOf('hidden_act', activations, 'gelu'),
      normEpsilon: config.positive('layer_norm_eps', 1e-12),
      placement: 'every',
    };
  },

  writeConfig(config) {
    const resolved = resolveVit(config);
    const { numHeads, ffnHidden, activation, dropout } = plainBackbone(resolved);
    const names = config.classNames ?? Array.from({ length: resolved.numClasses }, (_, i) => `LABEL_${i}`);
    return {
      attention_probs_dropout_prob: new Float(0),
      hidden_act: activation === 'gelu_tanh' ? 'gelu_pytorch_tanh' : activation,
      hidden_dropout_prob: new Float(dropout),
      hidden_size: resolved.dModel,
      id2label: Object.fromEntries(names.map((name, i) => [i, name])),
      image_size: resolved.imageSize,
      intermediate_size: ffnHidden,
      label2id: Object.fromEntries(names.map((name, i) => [name, i])),
      layer_norm_eps: new Float(resolved.normEpsilon),
      num_attention_heads: numHeads,
      num_channels: resolved.numChannels,
      num_hidden_layers: resolved.numLayers,
      patch_size: resolved.patchSize,
      qkv_bias: true,
    };
  },

  published: (folder) => withBiases(renameTensors(folder, publishedName)),
  specs: (config, options) => vitSpecs(resolveVit(config), options),
  rules: (config) => [...outerRules(config), ...layerRules(rulesOfLayer, config)],
  create: (config, parameters, { experts }) => new Vit(config, { parameters, experts }),
  // The bare backbone pools the class token for tasks that a classifier does not have.
  isUnused: (name) => /^(vit\.)?pooler\./.test(name),
  classifier: (options) => vitClassifier(vit, options),
};

/** A side, or the same for rows and columns, which transformers may write as a list. */
function sideOf(config: ConfigReader, key: string, fallback: number): number {
  const value = config.take(key);
  if (!Array.isArray(value)) return config.integer(key, fallback);
  const [side] = value as unknown[];
  const isSquare = value.length > 0 && value.length <= 2 && value.every((each) => each === side);
  if (!isSquare || !Number.isInteger(side)) config.fail(key, 'expected an integer, or two that are equal');
  return side as number;
}

/** The names of modules in memory, which transformers 5 may save, in those that it publishes. */
function publishedName(name: string): string {
  const [, before = '', layer, rest] = /^(vit\.)?layers\.(\d+)\.(.+)$/.exec(name) ?? [];
  if (layer === undefined || rest === undefined) return name;
  const parts = { 'attention.q_proj': 'attention.attention.query', 'attention.k_proj': 'attention.attention.key' };
  const others = { 'attention.v_proj': 'attention.attention.value', 'attention.o_proj': 'attention.output.dense' };
  const names = { ...parts, ...others, 'mlp.fc1': 'intermediate.dense', 'mlp.fc2': 'output.dense' };
  const found = Object.entries(names).find(([theirs]) => rest.startsWith(`${theirs}.`));
  const published = found ? rest.replace(found[0], found[1]) : rest;
  return `${before}encoder.layer.${layer}.${published}`;
}

/** Biases of queries, keys and values that a folder with `qkv_bias` false has not, as zeros: the same model. */
function withBiases(folder: PretrainedFolder): PretrainedFolder {
  if (folder.config['qkv_bias'] !== false) return folder;
  const tensors = tensorsOf(folder);
  for (const [name, { shape }] of folder.tensors) {
    const bias = name.replace(/weight$/, 'bias');
    if (!/\.attention\.attention\.(query|key|value)\.weight$/.test(name)) continue;
    if (tensors.has(bias)) throw new PretrainedError(`${folder.path}: qkv_bias is false, but there is '${bias}'`);
    const zeros = { dtype: 'F32' as const, shape: [shape[0]!] };
    tensors.set(bias, { ...zeros, read: () => Promise.resolve({ ...zeros, data: new Float32Array(shape[0]!) }) });
  }
  return viewFolder(folder, tensors);
}

function classesOf(config: ConfigReader): Pick<VitConfig, 'numClasses' | 'classNames'> {
  const labels = config.take('id2label');
  // What transformers has where nothing is said.
  if (labels === undefined) return { numClasses: config.integer('num_labels', 2) };
  const isRecord = typeof labels === 'object' && labels !== null;
  const names = Object.entries(isRecord ? labels : {}).sort(([a], [b]) => Number(a) - Number(b));
  if (names.length === 0 || names.some(([id, name], i) => id !== String(i) || typeof name !== 'string'))
    config.fail('id2label', 'expected a name for each class, numbered from 0');
  const classNames = names.map(([, name]) => name as string);
  const areDefaults = classNames.every((name, i) => name === `LABEL_${i}`);
  return { numClasses: classNames.length, ...(!areDefaults && { classNames }) };
}

/** What all blocks have alike. @throws ArgumentError naming what the format has not. */
function plainBackbone({ stages, stem, pooling, norm, patchSize, patchStride }: ResolvedVit) {
  const kind = stages.find(({ config }) => config.moe)?.config.kind ?? 'dense';
  const backbone = stages[0]!.config;
  const { numHeads, numKvHeads, activation, attentionBias, ffnBias } = backbone;
  expectThat(kind === 'dense', 'moe.kind', 'dense', kind);
  expectThat(backbone.connectivity === 'regular', 'connectivity', 'regular', backbone.connectivity);
  expectThat(pooling === 'class', 'pooling', 'class', pooling);
  expectThat(stem === 'patches', 'stem', 'patches', stem);
  expectThat(patchStride === patchSize, 'patchStride', `patchSize = ${patchSize}`, patchStride);
  expectThat(norm === 'layer', 'norm', 'layer', norm);
  expectThat(activation !== 'swiglu', 'activation', 'gelu, gelu_tanh or silu', activation);
  expectThat(attentionBias === true, 'attentionBias', 'true', attentionBias);
  expectThat(ffnBias, 'ffnBias', 'true', ffnBias);
  expectThat(numKvHeads === numHeads, 'numKvHeads', `numHeads = ${numHeads}`, numKvHeads);
  return backbone;
}

function outerRules({ numChannels = 3, patchSize, dModel, imageSize }: VitConfig): TensorRule[] {
  const numTokens = (imageSize / patchSize) ** 2 + 1;
  const projection = 'vit.embeddings.patch_embeddings.projection';
  return [
    { ...same('classToken', 'vit.embeddings.cls_token'), shape: [1, 1, dModel] },
    { ...same('positions', 'vit.embeddings.position_embeddings'), shape: [1, numTokens, dModel] },
    // A convolution (out, channel, row, column) whose stride is its size.
    { ...transposed('patch.weight', `${projection}.weight`), shape: [dModel, numChannels, patchSize, patchSize] },
    same('patch.bias', `${projection}.bias`),
    same('normFinal.weight', 'vit.layernorm.weight'),
    same('normFinal.bias', 'vit.layernorm.bias'),
    transposed('head.weight', 'classifier.weight'),
    same('head.bias', 'classifier.bias'),
  ];
}

const linearRules = (weight: string, bias: string, theirs: string): TensorRule[] => [
  transposed(`block{layer}.${weight}`, `vit.encoder.layer.{layer}.${theirs}.weight`),
  same(`block{layer}.${bias}`, `vit.encoder.layer.{layer}.${theirs}.bias`),
];

const rulesOfLayer: readonly TensorRule[] = [
  same('block{layer}.normAttn.weight', 'vit.encoder.layer.{layer}.layernorm_before.weight'),
  same('block{layer}.normAttn.bias', 'vit.encoder.layer.{layer}.layernorm_before.bias'),
  ...linearRules('attn.wq', 'attn.bq', 'attention.attention.query'),
  ...linearRules('attn.wk', 'attn.bk', 'attention.attention.key'),
  ...linearRules('attn.wv', 'attn.bv', 'attention.attention.value'),
  ...linearRules('attn.wo', 'attn.bo', 'attention.output.dense'),
  same('block{layer}.normMlp.weight', 'vit.encoder.layer.{layer}.layernorm_after.weight'),
  same('block{layer}.normMlp.bias', 'vit.encoder.layer.{layer}.layernorm_after.bias'),
  ...linearRules('mlp.w1', 'mlp.b1', 'intermediate.dense'),
  ...linearRules('mlp.w2', 'mlp.b2', 'output.dense'),
];
