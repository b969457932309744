import { expectThat } from '@scmoe/errors';
import type { NormKind } from '@scmoe/layer';

import type { GptConfig, ResolvedGpt } from '../../gpt/GptConfig.js';
import type { ConfigReader } from '../config/ConfigReader.js';
import { Float } from '../config/Float.js';
import { readRope, ropeOptionsOf, shareOf, writeRope, type RopeSettings } from '../config/rope.js';
import type { JsonObject } from '../folder/openFolder.js';
import type { TiedNames } from '../layouts/tiedHead.js';
import { same, transposed, type TensorRule } from '../tensors/TensorRule.js';
import { backboneOf, expectFamily, type FamilyFeatures } from './requirements.js';

/** What a family after LLaMA has where its configuration says nothing. */
export interface LlamaLikeDefaults {
  ropeTheta: number;
  normEpsilon: number;
  /** Components of a head; hidden_size / num_attention_heads by default. */
  headSize?: number;
  /** Share of each head that turns. */
  partialRotary?: number;
  ropeScaling?: RopeSettings['scaling'];
  /** Settings of the rotation that have no effect. */
  ropeIgnored?: readonly string[];
  norm?: NormKind;
  tied?: boolean;
  /** Whether angles may be those of `dynamic` with an `alpha` (Hunyuan). */
  hasRopeAlpha?: boolean;
  /** Whether angles may be those of `longrope`. */
  hasLongrope?: boolean;
  /** Key of the MLP's width. */
  ffnKey?: string;
}

/** What the families after LLaMA share: rotary positions, RMSNorm, SwiGLU, grouped keys. */
export function readLlamaLike(config: ConfigReader, defaults: LlamaLikeDefaults): Omit<GptConfig, 'moe'> {
  config.oneOf('hidden_act', { silu: 'swiglu' }, 'silu');
  config.skip('attention_dropout');
  const dModel = config.integer('hidden_size');
  const numHeads = config.integer('num_attention_heads');
  const headSize = config.integer('head_dim', defaults.headSize ?? dModel / numHeads);
  const {
    ropeTheta: theta,
    partialRotary: partial,
    ropeScaling: scaling,
    ropeIgnored: ignored,
    hasLongrope,
  } = defaults;
  return {
    vocabSize: config.integer('vocab_size'),
    numLayers: config.count('num_hidden_layers'),
    dModel,
    numHeads,
    numKvHeads: config.integer('num_key_value_heads', numHeads),
    ...(headSize * numHeads !== dModel && { headSize }),
    sequenceLength: config.integer('max_position_embeddings'),
    ffnHidden: config.integer(defaults.ffnKey ?? 'intermediate_size'),
    positionEncoding: 'rotary',
    ...ropeOptionsOf(
      readRope(config, { theta, partial, scaling, ignored, hasLongrope, ...(defaults.hasRopeAlpha && { headSize }) }),
      headSize,
    ),
    tiedEmbeddings: config.boolean('tie_word_embeddings', defaults.tied ?? false),
    norm: defaults.norm ?? 'rms',
    normEpsilon: config.positive('rms_norm_eps', defaults.normEpsilon),
    activation: 'swiglu',
    placement: 'every',
  };
}

/**
 * The same options as {@link readLlamaLike} reads.
 *
 * @param own what else the family has, as of {@link expectFamily}
 * @param form how its heads turn: which components together, and which share where nothing is said; its norms; whether MLPs have
 *   biases, and angles may be those of longrope
 * @throws ArgumentError where the model has something else.
 */
export function writeLlamaLike(
  config: ResolvedGpt,
  own: FamilyFeatures = {},
  {
    ropeStyle = 'half',
    partialRotary,
    norm = 'rms',
    ffnBias: hasBias = false,
    longrope: hasLongrope = false,
  }: {
    ropeStyle?: 'half' | 'interleaved';
    partialRotary?: number;
    norm?: NormKind;
    ffnBias?: boolean;
    longrope?: boolean;
  } = {},
): JsonObject {
  const { numHeads, numKvHeads, headSize, ffnHidden, ffnBias, activation, rope } = backboneOf(config);
  expectThat(config.positionEncoding === 'rotary', 'positionEncoding', 'rotary', config.positionEncoding);
  expectThat(config.norm === norm, 'norm', norm, config.norm);
  expectThat(activation === 'swiglu', 'activation', 'swiglu', activation);
  expectThat(ffnBias === hasBias, 'ffnBias', String(hasBias), ffnBias);
  expectFamily(config, { headSize: null, ...own });
  if (rope) expectThat(rope.style === ropeStyle, 'ropeStyle', ropeStyle, rope.style);
  const scaling = rope?.scaling?.type;
  expectThat(hasLongrope || scaling !== 'longrope', 'ropeScaling.type', 'another than longrope', scaling);
  return {
    attention_dropout: new Float(0),
    bos_token_id: null,
    eos_token_id: null,
    ...(rope && { head_dim: headSize }),
    hidden_act: 'silu',
    hidden_size: config.dModel,
    intermediate_size: ffnHidden,
    max_position_embeddings: config.sequenceLength,
    num_attention_heads: numHeads,
    num_hidden_layers: config.numLayers,
    num_key_value_heads: numKvHeads,
    rms_norm_eps: new Float(config.normEpsilon),
    ...(rope && writeRope({ ...rope, partial: shareOf(rope.size ?? headSize, headSize) }, { fallback: partialRotary })),
    tie_word_embeddings: config.tiedEmbeddings,
    vocab_size: config.vocabSize,
  };
}

/** Names of the two norms of a layer. */
export const normsBefore = { attention: 'input_layernorm', feedForward: 'post_attention_layernorm' };

/** Embedding, norms and head. */
export function outerRules({ attention, feedForward } = normsBefore): TensorRule[] {
  return [
    same('embedding', 'model.embed_tokens.weight'),
    same('block{layer}.normAttn.weight', `model.layers.{layer}.${attention}.weight`),
    same('block{layer}.normMlp.weight', `model.layers.{layer}.${feedForward}.weight`),
    same('block{layer}.normMoe.weight', `model.layers.{layer}.${feedForward}.weight`),
    same('normFinal.weight', 'model.norm.weight'),
    transposed('head.weight', 'lm_head.weight'),
  ];
}

/** Multi-head attention, with biases and norms of queries and keys where there are any. */
export const attentionRules: readonly TensorRule[] = [
  ...(['q', 'k', 'v', 'o'] as const).flatMap((name) => [
    transposed(`block{layer}.attn.w${name}`, `model.layers.{layer}.self_attn.${name}_proj.weight`),
    same(`block{layer}.attn.b${name}`, `model.layers.{layer}.self_attn.${name}_proj.bias`),
  ]),
  same('block{layer}.attn.normQ.weight', 'model.layers.{layer}.self_attn.q_norm.weight'),
  same('block{layer}.attn.normK.weight', 'model.layers.{layer}.self_attn.k_norm.weight'),
  same('block{layer}.attn.sinks', 'model.layers.{layer}.self_attn.sinks'),
];

/** A network of three matrices, ours and theirs below these names. */
export function swigluRules(ours: string, theirs: string): TensorRule[] {
  return (['gate', 'up', 'down'] as const).map((name) =>
    transposed(`block{layer}.${ours}.${name}`, `model.layers.{layer}.${theirs}.${name}_proj.weight`),
  );
}

/** Embedding, attention, norms, head, and MLPs where layers have them. */
export const llamaLikeRules: readonly TensorRule[] = [...outerRules(), ...attentionRules, ...swigluRules('mlp', 'mlp')];

/** Names of embedding and head. */
export const llamaLikeTie: TiedNames = { embedding: 'model.embed_tokens.weight', head: 'lm_head.weight' };

/** Tensors that no model needs: rotary frequencies of older versions, and layers that predict further tokens. */
export function isUnusedLlamaLike(name: string, { numLayers }: Pick<GptConfig, 'numLayers'>): boolean {
  const layer = /^model\.layers\.(\d+)\./.exec(name)?.[1];
  return name.endsWith('.rotary_emb.inv_freq') || name.startsWith('mtp.') || Number(layer ?? -1) >= numLayers;
}

/** What the description of every family after LLaMA begins with. */
export const llamaLikeFamily = { prefix: 'model.', isUnused: isUnusedLlamaLike, tied: llamaLikeTie } as const;
