import type { ExpertActivation } from '@scmoe/tensor';

import { expectOneOf, expectPositiveInteger, expectThat } from './ConfigurationError.js';
import {
  expertActivations,
  mixes,
  resolveRouted,
  type Mix,
  type ResolvedRouted,
  type RoutedConfig,
} from './MoeConfig.js';

export const pairKinds = ['dense', 'standard', 'shared', 'scmoe'] as const;
export const positions = ['pos1', 'pos2', 'pos3'] as const;
export const shortcutNorms = ['own', 'shared', 'none'] as const;

/**
 * What the second block of a pair has in place of its MLP: `dense` another MLP, `standard` top-k experts, `shared` a
 * shared expert beside the routed ones, `scmoe` the same with gate and experts fed from an earlier activation.
 */
export type PairKind = (typeof pairKinds)[number];

/** Where an ScMoE pair taps gate and experts: `pos1` after the first block, `pos2` before its MLP, `pos3` before it. */
export type Position = (typeof positions)[number];

/** Which norm the tapped activation goes through. */
export type ShortcutNorm = (typeof shortcutNorms)[number];

/** Rotary positions of the attention (arXiv 2104.09864). */
export interface RopeConfig {
  style: 'half' | 'interleaved';
  theta?: number;
}

/** The part of a pair that all kinds have: two blocks of attention, and the MLP of the first. */
export interface BackboneConfig {
  dModel: number;
  numHeads: number;
  /** Heads of keys and values, each shared by numHeads/numKvHeads query heads. */
  numKvHeads?: number;
  attentionBias?: boolean;
  causal?: boolean;
  rope?: RopeConfig;
  /** Hidden width of the MLP; 4 dModel by default. */
  ffnHidden?: number;
  /** Of MLP, shared expert and experts. `swiglu` is gated and has no biases, the others have them. */
  activation?: ExpertActivation;
  norm?: 'layer' | 'rms';
  /** Default 1e-5 (layer), 1e-6 (rms). */
  normEpsilon?: number;
  /** Share of elements set to zero, in training, on every output that is added to the residual stream. */
  dropout?: number;
}

/** Options of a pair of transformer blocks, of any kind. */
export interface PairConfig extends BackboneConfig, Partial<RoutedConfig> {
  kind: PairKind;
  position?: Position;
  mix?: Mix;
  /** Norm of the tapped activation: parameters of its `own`, those of another norm (`shared`), or `none`. */
  shortcutNorm?: ShortcutNorm;
  /** Whose norm `shared` takes: that of the MLP (default for pos2 and pos3) or of the shared expert (pos1). */
  sharedNormOf?: 'mlp' | 'sharedExpert';
  /** Norm on the sum of shared and routed output before it is added. */
  postNorm?: boolean;
  /** Hidden width of one expert, and of the shared expert; ffnHidden by default. */
  expertHidden?: number;
  sharedHidden?: number;
}

export interface ResolvedBackbone extends Required<Omit<BackboneConfig, 'rope'>> {
  rope?: Required<RopeConfig>;
}

/** Everything of a pair that has experts; absent in a dense one. */
export interface ResolvedMoe extends ResolvedRouted {
  expertHidden: number;
  /** Absent where there is no shared expert. */
  shared?: { hidden: number; mix: Mix };
  /** Absent where gate and experts read the current activation. */
  shortcut?: { position: Position; norm: ShortcutNorm; sharedNormOf: 'mlp' | 'sharedExpert' };
  postNorm: boolean;
}

/** The options of a pair with all defaults filled in, checked. */
export interface ResolvedPair extends ResolvedBackbone {
  kind: PairKind;
  moe?: ResolvedMoe;
}

/** Fills in the defaults of a pair. @throws ConfigurationError naming the option, what is allowed and what came. */
export function resolvePair(config: PairConfig): ResolvedPair {
  expectOneOf('kind', config.kind, pairKinds);
  const backbone = resolveBackbone(config);
  return { kind: config.kind, ...backbone, moe: config.kind === 'dense' ? undefined : resolveMoe(config, backbone) };
}

function resolveBackbone(config: BackboneConfig): ResolvedBackbone {
  const { dModel, numHeads, numKvHeads = numHeads, attentionBias = true, causal = true, rope } = config;
  const { ffnHidden = 4 * dModel, activation = 'gelu', norm = 'layer', dropout = 0 } = config;
  const { normEpsilon = norm === 'rms' ? 1e-6 : 1e-5 } = config;
  expectPositiveInteger('dModel', dModel);
  expectPositiveInteger('numHeads', numHeads);
  expectThat(dModel % numHeads === 0, 'numHeads', `a divisor of dModel = ${dModel}`, numHeads);
  expectPositiveInteger('numKvHeads', numKvHeads);
  expectThat(numHeads % numKvHeads === 0, 'numKvHeads', `a divisor of numHeads = ${numHeads}`, numKvHeads);
  expectPositiveInteger('ffnHidden', ffnHidden);
  expectOneOf('activation', activation, expertActivations);
  expectOneOf('norm', norm, ['layer', 'rms']);
  expectThat(normEpsilon > 0, 'normEpsilon', 'a number > 0', normEpsilon);
  expectThat(dropout >= 0 && dropout < 1, 'dropout', 'a share in [0, 1)', dropout);
  if (rope) {
    expectOneOf('rope.style', rope.style, ['half', 'interleaved']);
    const headSize = dModel / numHeads;
    expectThat(headSize % 2 === 0, 'rope', 'an even head size dModel/numHeads', headSize);
  }
  return {
    dModel,
    numHeads,
    numKvHeads,
    attentionBias,
    causal,
    rope: rope && { style: rope.style, theta: rope.theta ?? 10000 },
    ffnHidden,
    activation,
    norm,
    normEpsilon,
    dropout,
  };
}

function resolveMoe(config: PairConfig, { ffnHidden }: ResolvedBackbone): ResolvedMoe {
  const { kind, numExperts, position = 'pos2', mix = 'cg1', shortcutNorm = 'own', postNorm = false } = config;
  const { expertHidden = ffnHidden, sharedHidden = ffnHidden } = config;
  const { sharedNormOf = position === 'pos1' ? 'sharedExpert' : 'mlp' } = config;
  expectThat(numExperts !== undefined, 'numExperts', `a number of experts for kind '${kind}'`, numExperts);
  const routed = resolveRouted({ ...config, numExperts: numExperts! }, kind === 'standard' ? 2 : 1);
  expectPositiveInteger('expertHidden', expertHidden);
  expectPositiveInteger('sharedHidden', sharedHidden);
  expectOneOf('mix', mix, mixes);
  expectOneOf('position', position, positions);
  expectOneOf('shortcutNorm', shortcutNorm, shortcutNorms);
  expectOneOf('sharedNormOf', sharedNormOf, ['mlp', 'sharedExpert']);
  return {
    ...routed,
    expertHidden,
    postNorm,
    shared: kind === 'standard' ? undefined : { hidden: sharedHidden, mix },
    shortcut: kind === 'scmoe' ? { position, norm: shortcutNorm, sharedNormOf } : undefined,
  };
}
