import { expectOneOf, expectPositiveInteger, expectThat } from '@scmoe/errors';
import type { ExpertActivation } from '@scmoe/tensor';
import { type BackboneConfig } from '@scmoe/layer';

import { resolveStages, type MoeConfig, type Placement, type ResolvedStages } from '../stages/resolveStages.js';

/** Experts of a GPT. */
export type GptMoeConfig = MoeConfig;

/** A GPT: sizes, positions, norms, and what its blocks are. */
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
  positionEncoding?: 'learned' | 'rotary';
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

/** A GPT with every option decided. */
export interface ResolvedGpt extends ResolvedStages {
  vocabSize: number;
  numLayers: number;
  dModel: number;
  sequenceLength: number;
  positionEncoding: 'learned' | 'rotary';
  tiedEmbeddings: boolean;
}

/** Fills in the defaults. @throws ArgumentError naming the option, what is allowed and what came. */
export function resolveGpt(config: GptConfig): ResolvedGpt {
  const { vocabSize, numLayers, dModel, sequenceLength, positionEncoding = 'learned', tiedEmbeddings = true } = config;
  const { placement, moe } = config;
  expectPositiveInteger('vocabSize', vocabSize);
  expectPositiveInteger('sequenceLength', sequenceLength);
  expectOneOf('positionEncoding', positionEncoding, ['learned', 'rotary']);
  const { routing = 'tokenChoice' } = moe ?? {};
  const causal = "tokenChoice (with 'expertChoice' a token's experts depend on later tokens)";
  expectThat(routing === 'tokenChoice', 'moe.routing', causal, routing);
  const stages = resolveStages({ numLayers, placement, moe, backbone: backbone(config) });
  return { vocabSize, numLayers, dModel, sequenceLength, positionEncoding, tiedEmbeddings, ...stages };
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
    rope: config.positionEncoding === 'rotary' ? { style: 'half', theta: config.ropeTheta } : undefined,
    causal: true,
  };
}
