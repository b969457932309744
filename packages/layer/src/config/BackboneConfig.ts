import {
  expectBoolean,
  expectKnownOptions,
  expectOneOf,
  expectPositive,
  expectPositiveInteger,
  expectThat,
} from '@scmoe/errors';
import type { ExpertActivation } from '@scmoe/tensor';

import { expertActivations } from './MoeConfig.js';

/** Rotation of queries and keys by position (RoPE). */
export interface RopeConfig {
  style: 'half' | 'interleaved';
  theta?: number;
}

/** What blocks and pairs of all kinds have: width, attention, norms, and the feed-forward layers' form. */
export interface BackboneConfig {
  dModel: number;
  numHeads: number;
  /** Heads of keys and values, each shared by numHeads/numKvHeads query heads. */
  numKvHeads?: number;
  /** Biases in attention: in all four projections, in none, or (`qkv`) in all but that of the output. */
  attentionBias?: boolean | 'qkv';
  causal?: boolean;
  rope?: RopeConfig;
  /** Hidden width of the MLP; 4 dModel by default. */
  ffnHidden?: number;
  /** Of MLP, shared expert and experts; `swiglu` is gated. */
  activation?: ExpertActivation;
  /** Biases in MLP, shared expert and experts. Default: yes, with `swiglu` no. */
  ffnBias?: boolean;
  norm?: 'layer' | 'rms';
  /** Default 1e-5 (layer), 1e-6 (rms). */
  normEpsilon?: number;
  /** Share of elements set to zero, in training, on every output that is added to the residual stream. */
  dropout?: number;
}

/** A backbone with every option decided. */
export interface ResolvedBackbone extends Required<Omit<BackboneConfig, 'rope'>> {
  rope?: Required<RopeConfig>;
}

export const backboneOptions: Record<keyof BackboneConfig, true> = {
  dModel: true,
  numHeads: true,
  numKvHeads: true,
  attentionBias: true,
  causal: true,
  rope: true,
  ffnHidden: true,
  activation: true,
  ffnBias: true,
  norm: true,
  normEpsilon: true,
  dropout: true,
};

/** Fills in the defaults. @throws ArgumentError naming the option, what is allowed and what came. */
export function resolveBackbone(config: BackboneConfig): ResolvedBackbone {
  const { dModel, numHeads, numKvHeads = numHeads, attentionBias = true, causal = true, rope } = config;
  const { ffnHidden = 4 * dModel, activation = 'gelu', ffnBias = activation !== 'swiglu' } = config;
  const { norm = 'layer', normEpsilon = defaultEpsilon(norm), dropout = 0 } = config;
  expectPositiveInteger('dModel', dModel);
  expectPositiveInteger('numHeads', numHeads);
  expectThat(dModel % numHeads === 0, 'numHeads', `a divisor of dModel = ${dModel}`, numHeads);
  expectPositiveInteger('numKvHeads', numKvHeads);
  expectThat(numHeads % numKvHeads === 0, 'numKvHeads', `a divisor of numHeads = ${numHeads}`, numKvHeads);
  const hasBias: readonly unknown[] = [true, false, 'qkv'];
  expectThat(hasBias.includes(attentionBias), 'attentionBias', "true, false or 'qkv'", attentionBias);
  expectBoolean('causal', causal);
  expectPositiveInteger('ffnHidden', ffnHidden);
  expectOneOf('activation', activation, expertActivations);
  expectBoolean('ffnBias', ffnBias);
  expectNorm(norm, normEpsilon);
  expectThat(dropout >= 0 && dropout < 1, 'dropout', 'a share in [0, 1)', dropout);
  return {
    dModel,
    numHeads,
    numKvHeads,
    attentionBias,
    causal,
    rope: rope && resolveRope(rope, dModel / numHeads),
    ffnHidden,
    activation,
    ffnBias,
    norm,
    normEpsilon,
    dropout,
  };
}

export function defaultEpsilon(norm: 'layer' | 'rms'): number {
  return norm === 'rms' ? 1e-6 : 1e-5;
}

export function expectNorm(norm: unknown, normEpsilon: number): void {
  expectOneOf('norm', norm, ['layer', 'rms']);
  expectPositive('normEpsilon', normEpsilon);
}

function resolveRope(rope: RopeConfig, headSize: number): Required<RopeConfig> {
  const { style, theta = 10000 } = rope;
  expectKnownOptions('rope', rope, ['style', 'theta']);
  expectOneOf('rope.style', style, ['half', 'interleaved']);
  expectPositive('rope.theta', theta);
  expectThat(headSize % 2 === 0, 'rope', 'an even head size dModel/numHeads', headSize);
  return { style, theta };
}
