import { expectThat } from '@scmoe/errors';

import type { GptConfig, ResolvedGpt } from '../../gpt/GptConfig.js';
import type { ConfigReader } from '../config/ConfigReader.js';
import { Float } from '../config/Float.js';
import { ropeTheta } from '../config/ropeTheta.js';
import type { JsonObject } from '../folder/openFolder.js';
import type { TiedNames } from '../layouts/tiedHead.js';
import { same, transposed, type TensorRule } from '../tensors/TensorRule.js';
import { backboneOf } from './requirements.js';

/** What the families after LLaMA share: rotary positions, RMSNorm, SwiGLU, grouped keys. */
export function readLlamaLike(
  config: ConfigReader,
  defaults: { ropeTheta: number; normEpsilon: number },
): Omit<GptConfig, 'moe'> {
  config.oneOf('hidden_act', { silu: 'swiglu' }, 'silu');
  config.skip('attention_dropout');
  const dModel = config.integer('hidden_size');
  const numHeads = config.integer('num_attention_heads');
  const headSize = config.integer('head_dim', dModel / numHeads);
  if (headSize * numHeads !== dModel) {
    config.fail('head_dim', `only hidden_size/num_attention_heads = ${dModel / numHeads} is supported`);
  }
  return {
    vocabSize: config.integer('vocab_size'),
    numLayers: config.count('num_hidden_layers'),
    dModel,
    numHeads,
    numKvHeads: config.integer('num_key_value_heads', numHeads),
    sequenceLength: config.integer('max_position_embeddings'),
    ffnHidden: config.integer('intermediate_size'),
    positionEncoding: 'rotary',
    ropeTheta: ropeTheta(config, defaults.ropeTheta),
    tiedEmbeddings: config.boolean('tie_word_embeddings', false),
    norm: 'rms',
    normEpsilon: config.positive('rms_norm_eps', defaults.normEpsilon),
    activation: 'swiglu',
    placement: 'every',
  };
}

/** Checks the attention's window. @throws PretrainedError where tokens see less than the whole sequence. */
export function wholeWindowOnly(config: ConfigReader, { sequenceLength }: Pick<GptConfig, 'sequenceLength'>): void {
  const window = config.take('sliding_window');
  if (window !== undefined && !((window as number) >= sequenceLength)) {
    config.fail('sliding_window', `only null, or the whole ${sequenceLength} tokens, is supported`);
  }
}

/** Qwen2's windows, of which only layers say whether they are used. @throws PretrainedError where one is. */
export function fullAttentionOnly(config: ConfigReader): void {
  config.only('use_sliding_window', false);
  config.skip('sliding_window', 'max_window_layers');
  const kinds = config.take('layer_types');
  if (Array.isArray(kinds) && kinds.some((kind) => kind !== 'full_attention')) {
    config.fail('layer_types', 'only "full_attention" is supported');
  }
}

/** The same options as {@link readLlamaLike} reads. @throws ArgumentError where the model has something else. */
export function writeLlamaLike(config: ResolvedGpt): JsonObject {
  const { numHeads, numKvHeads, ffnHidden, ffnBias, activation, rope } = backboneOf(config);
  expectThat(config.positionEncoding === 'rotary', 'positionEncoding', 'rotary', config.positionEncoding);
  expectThat(config.norm === 'rms', 'norm', 'rms', config.norm);
  expectThat(activation === 'swiglu', 'activation', 'swiglu', activation);
  expectThat(!ffnBias, 'ffnBias', 'false', ffnBias);
  return {
    attention_dropout: new Float(0),
    bos_token_id: null,
    eos_token_id: null,
    hidden_act: 'silu',
    hidden_size: config.dModel,
    intermediate_size: ffnHidden,
    max_position_embeddings: config.sequenceLength,
    num_attention_heads: numHeads,
    num_hidden_layers: config.numLayers,
    num_key_value_heads: numKvHeads,
    rms_norm_eps: new Float(config.normEpsilon),
    // Where transformers 5 looks, and where versions before it do.
    rope_parameters: { rope_theta: new Float(rope!.theta), rope_type: 'default' },
    rope_theta: new Float(rope!.theta),
    sliding_window: null,
    tie_word_embeddings: config.tiedEmbeddings,
    vocab_size: config.vocabSize,
  };
}

/** Embedding, attention, norms and head. `normFeedForward` is the name of the norm before MLP or experts. */
export const llamaLikeRules: readonly TensorRule[] = [
  same('embedding', 'model.embed_tokens.weight'),
  same('block{layer}.normAttn.weight', 'model.layers.{layer}.input_layernorm.weight'),
  ...(['q', 'k', 'v', 'o'] as const).flatMap((name) => [
    transposed(`block{layer}.attn.w${name}`, `model.layers.{layer}.self_attn.${name}_proj.weight`),
    same(`block{layer}.attn.b${name}`, `model.layers.{layer}.self_attn.${name}_proj.bias`),
  ]),
  same('block{layer}.normMlp.weight', 'model.layers.{layer}.post_attention_layernorm.weight'),
  same('block{layer}.normMoe.weight', 'model.layers.{layer}.post_attention_layernorm.weight'),
  same('normFinal.weight', 'model.norm.weight'),
  transposed('head.weight', 'lm_head.weight'),
];

/** Names of embedding and head. */
export const llamaLikeTie: TiedNames = { embedding: 'model.embed_tokens.weight', head: 'lm_head.weight' };

/** Rotary frequencies that older versions saved. */
export function isUnusedLlamaLike(name: string): boolean {
  return name.endsWith('.rotary_emb.inv_freq');
}
