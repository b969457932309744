import type { ExpertActivation } from '@scmoe/tensor';
import {
  expectOneOf,
  expectPositiveInteger,
  expectThat,
  resolveBlock,
  resolvePair,
  type BackboneConfig,
  type BlockConfig,
  type BlockKind,
  type PairConfig,
  type Position,
  type ResolvedBlock,
  type ResolvedPair,
} from '@scmoe/layer';

import { resolveRouterLosses, type ResolvedRouterLosses, type RouterLossConfig } from './routerLosses.js';

/** `top1` and `top2` are `standard` with that topK. */
export const moeKinds = ['dense', 'top1', 'top2', 'standard', 'shared', 'scmoe', 'dgmoe'] as const;

/**
 * How blocks are arranged: in `pairs`, attention and MLP, then attention and experts, an ScMoE pair tapped anywhere in it;
 * or `every` block for itself, attention and MLP or experts, an ScMoE block tapped at its input.
 */
export type Placement = 'pairs' | 'every';

/** Options of pairs and blocks that are of their experts, and of the router. */
type ExpertOptions = Omit<PairConfig, keyof BackboneConfig | 'kind'>;

export interface GptMoeConfig extends ExpertOptions, RouterLossConfig {
  /** What blocks with experts have in place of an MLP. */
  kind: (typeof moeKinds)[number];
  /** Which blocks have experts, counted from 0. Default: every one, or in pairs every second one, which alone can. */
  blocks?: readonly number[];
  /** Position of the first pair where it differs from the others (the paper's "L0 pos1"). */
  firstPosition?: Position;
}

export interface GptConfig {
  vocabSize: number;
  /** Blocks; in pairs an even number. */
  numLayers: number;
  dModel: number;
  numHeads: number;
  numKvHeads?: number;
  /** Hidden width of the MLP; 4 dModel by default. */
  ffnHidden?: number;
  /** Longest sequence, in tokens. */
  sequenceLength: number;
  positions?: 'learned' | 'rotary';
  ropeTheta?: number;
  /** Token embedding and output head share one matrix. */
  tiedEmbeddings?: boolean;
  norm?: 'layer' | 'rms';
  normEpsilon?: number;
  /** Of all four projections, of those to queries, keys and values alone (`qkv`), or of none. */
  attentionBias?: BackboneConfig['attentionBias'];
  activation?: ExpertActivation;
  /** Biases in MLPs and experts. Default: yes, with `swiglu` no. */
  ffnBias?: boolean;
  dropout?: number;
  placement?: Placement;
  /** `{kind: 'dense'}` by default. */
  moe?: GptMoeConfig;
}

/** What runs as one: a pair of blocks or a single block. Its parameters are below `name`. */
export type Stage =
  | { readonly kind: 'pair'; readonly name: string; readonly config: ResolvedPair }
  | { readonly kind: 'block'; readonly name: string; readonly config: ResolvedBlock };

export interface ResolvedGpt {
  vocabSize: number;
  numLayers: number;
  dModel: number;
  sequenceLength: number;
  positions: 'learned' | 'rotary';
  tiedEmbeddings: boolean;
  norm: 'layer' | 'rms';
  normEpsilon: number;
  dropout: number;
  placement: Placement;
  routerLosses: ResolvedRouterLosses;
  stages: Stage[];
}

const kindOf: Record<GptMoeConfig['kind'], { kind: BlockKind; topK?: number }> = {
  dense: { kind: 'dense' },
  top1: { kind: 'standard', topK: 1 },
  top2: { kind: 'standard', topK: 2 },
  standard: { kind: 'standard' },
  shared: { kind: 'shared' },
  scmoe: { kind: 'scmoe' },
  dgmoe: { kind: 'dgmoe' },
};

/** Fills in the defaults. @throws ConfigurationError naming the option, what is allowed and what came. */
export function resolveGpt(config: GptConfig): ResolvedGpt {
  const { vocabSize, numLayers, dModel, sequenceLength, positions = 'learned' } = config;
  const { tiedEmbeddings = true, placement = 'pairs', moe = { kind: 'dense' } } = config;
  expectPositiveInteger('vocabSize', vocabSize);
  expectPositiveInteger('numLayers', numLayers);
  expectPositiveInteger('sequenceLength', sequenceLength);
  expectOneOf('positions', positions, ['learned', 'rotary']);
  expectOneOf('placement', placement, ['pairs', 'every']);
  expectOneOf('moe.kind', moe.kind, moeKinds);
  const { routing = 'tokenChoice' } = moe;
  const causal = "tokenChoice (with 'expertChoice' a token's experts depend on later tokens)";
  expectThat(routing === 'tokenChoice', 'moe.routing', causal, routing);
  const routerLosses = resolveRouterLosses(moe);
  const stages = placement === 'pairs' ? pairs(config, moe) : blocks(config, moe);
  const { norm, normEpsilon, dropout } = stages[0]!.config;
  return {
    vocabSize,
    numLayers,
    dModel,
    sequenceLength,
    positions,
    tiedEmbeddings,
    norm,
    normEpsilon,
    dropout,
    placement,
    routerLosses,
    stages,
  };
}

function pairs(config: GptConfig, moe: GptMoeConfig): Stage[] {
  const { numLayers } = config;
  expectThat(numLayers % 2 === 0, 'numLayers', 'an even number (blocks come in pairs)', numLayers);
  const hasExperts = withExperts(moe, numLayers, (layer) => layer % 2 === 1);
  const { position, firstPosition = position } = moe;
  const experts = expertOptions(moe);
  return Array.from({ length: numLayers / 2 }, (_, index) => ({
    kind: 'pair',
    name: `block${index}`,
    config: resolvePair({
      ...backbone(config),
      ...(hasExperts(2 * index + 1) ? experts : { kind: 'dense' }),
      position: index === 0 ? firstPosition : position,
    }),
  }));
}

function blocks(config: GptConfig, moe: GptMoeConfig): Stage[] {
  const { numLayers } = config;
  const hasExperts = withExperts(moe, numLayers, () => true);
  for (const option of ['position', 'firstPosition'] as const) {
    expectThat((moe[option] ?? 'pos1') === 'pos1', `moe.${option}`, "pos1 with placement 'every'", moe[option]);
  }
  // The types know only pairs' options here; whose norm is shared, resolveBlock checks.
  const experts = expertOptions(moe) as Omit<BlockConfig, keyof BackboneConfig>;
  return Array.from({ length: numLayers }, (_, index) => ({
    kind: 'block',
    name: `block${index}`,
    config: resolveBlock({ ...backbone(config), ...(hasExperts(index) ? experts : { kind: 'dense' }) }),
  }));
}

function backbone(config: GptConfig): BackboneConfig {
  return {
    dModel: config.dModel,
    numHeads: config.numHeads,
    numKvHeads: config.numKvHeads,
    ffnHidden: config.ffnHidden,
    attentionBias: config.attentionBias,
    activation: config.activation,
    ffnBias: config.ffnBias,
    norm: config.norm,
    normEpsilon: config.normEpsilon,
    dropout: config.dropout,
    rope: config.positions === 'rotary' ? { style: 'half', theta: config.ropeTheta } : undefined,
    causal: true,
  };
}

/** What of `moe` goes to pairs and blocks: all but the losses and the choice of the blocks. */
function expertOptions(moe: GptMoeConfig): Omit<PairConfig, keyof BackboneConfig | 'position'> {
  const { kind: name, blocks: _, position: __, firstPosition: ___, ...rest } = withoutRouterLosses(moe);
  const { kind, topK } = kindOf[name];
  if (topK === undefined) return { ...rest, kind };
  if (moe.topK !== undefined) expectThat(moe.topK === topK, `moe.topK of '${name}'`, `${topK}`, moe.topK);
  return { ...rest, kind, topK };
}

function withoutRouterLosses(moe: GptMoeConfig): Omit<GptMoeConfig, keyof RouterLossConfig> {
  const {
    balance: _,
    auxiliaryLossCoefficient: __,
    sequenceBalanceCoefficient: ___,
    importanceCoefficient: ____,
    zLossCoefficient: _____,
    ...rest
  } = moe;
  return rest;
}

function withExperts(
  { kind, blocks }: GptMoeConfig,
  numLayers: number,
  canHave: (layer: number) => boolean,
): (layer: number) => boolean {
  if (kind === 'dense') return () => false;
  for (const layer of blocks ?? []) {
    expectThat(
      Number.isInteger(layer) && layer >= 0 && layer < numLayers && canHave(layer),
      'moe.blocks',
      canHave(0) ? `blocks from 0 to ${numLayers - 1}` : `odd numbers below ${numLayers} (in pairs the second block)`,
      layer,
    );
  }
  return (layer) => canHave(layer) && (blocks?.includes(layer) ?? true);
}
