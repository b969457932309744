import type { ExpertActivation } from '@scmoe/tensor';
import {
  expectNonNegative,
  expectOneOf,
  expectPositiveInteger,
  expectThat,
  resolvePair,
  type Mix,
  type PairConfig,
  type PairKind,
  type Position,
  type ResolvedPair,
  type RoutedConfig,
  type ShortcutNorm,
} from '@scmoe/layer';

/** `top1` and `top2` are `standard` with that topK. */
export const moeKinds = ['dense', 'top1', 'top2', 'standard', 'shared', 'scmoe'] as const;

/** Options of the experts of a GPT. */
export interface GptMoeConfig extends Partial<RoutedConfig> {
  /** What every second block has in place of its MLP. */
  kind: (typeof moeKinds)[number];
  position?: Position;
  /** Position of the first pair where it differs from the others (the paper's "L0 pos1"). */
  firstPosition?: Position;
  mix?: Mix;
  shortcutNorm?: ShortcutNorm;
  postNorm?: boolean;
  /** Hidden width of an expert and of the shared expert; ffnHidden by default. */
  expertHidden?: number;
  sharedHidden?: number;
  /** Share of the load-balance loss, summed over the pairs, in the loss. */
  auxiliaryLossCoefficient?: number;
}

/** Options of a GPT. */
export interface GptConfig {
  vocabSize: number;
  /** Blocks; they come in pairs, of which the second has the experts. */
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
  attentionBias?: boolean;
  activation?: ExpertActivation;
  dropout?: number;
  /** `{kind: 'dense'}` by default. */
  moe?: GptMoeConfig;
}

/** The options of a GPT with all defaults filled in, checked. */
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
  auxiliaryLossCoefficient: number;
  pairs: ResolvedPair[];
}

const kindOf: Record<GptMoeConfig['kind'], { kind: PairKind; topK?: number }> = {
  dense: { kind: 'dense' },
  top1: { kind: 'standard', topK: 1 },
  top2: { kind: 'standard', topK: 2 },
  standard: { kind: 'standard' },
  shared: { kind: 'shared' },
  scmoe: { kind: 'scmoe' },
};

/** Fills in the defaults. @throws ConfigurationError naming the option, what is allowed and what came. */
export function resolveGpt(config: GptConfig): ResolvedGpt {
  const { vocabSize, numLayers, dModel, sequenceLength, positions = 'learned', ropeTheta } = config;
  const { tiedEmbeddings = true, moe = { kind: 'dense' } } = config;
  expectPositiveInteger('vocabSize', vocabSize);
  expectPositiveInteger('numLayers', numLayers);
  expectThat(numLayers % 2 === 0, 'numLayers', 'an even number (blocks come in pairs)', numLayers);
  expectPositiveInteger('sequenceLength', sequenceLength);
  expectOneOf('positions', positions, ['learned', 'rotary']);
  expectOneOf('moe.kind', moe.kind, moeKinds);

  const { kind: name, position, firstPosition = position, auxiliaryLossCoefficient = 0.01, ...ofMoe } = moe;
  expectNonNegative('moe.auxiliaryLossCoefficient', auxiliaryLossCoefficient);
  const { kind, topK } = kindOf[name];
  if (topK !== undefined && moe.topK !== undefined)
    expectThat(moe.topK === topK, `moe.topK of '${name}'`, `${topK}`, moe.topK);
  const pair = (index: number): PairConfig => ({
    ...ofMoe,
    ...(topK !== undefined && { topK }),
    kind,
    position: index === 0 ? firstPosition : position,
    dModel,
    numHeads: config.numHeads,
    numKvHeads: config.numKvHeads,
    ffnHidden: config.ffnHidden,
    attentionBias: config.attentionBias,
    activation: config.activation,
    norm: config.norm,
    normEpsilon: config.normEpsilon,
    dropout: config.dropout,
    rope: positions === 'rotary' ? { style: 'half', theta: ropeTheta } : undefined,
    causal: true,
  });
  const pairs = Array.from({ length: numLayers / 2 }, (_, index) => resolvePair(pair(index)));
  const { norm, normEpsilon, dropout } = pairs[0]!;
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
    auxiliaryLossCoefficient: kind === 'dense' ? 0 : auxiliaryLossCoefficient,
    pairs,
  };
}
