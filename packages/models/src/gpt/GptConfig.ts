import { expectKnownOptions, expectThat } from '@scmoe/errors';
import { pickOptions, resolveOptions, type OptionSpecs, type OptionsOf } from '@scmoe/gating';
import { backboneOptions, type BackboneConfig } from '@scmoe/layer';

import {
  moeOptions,
  placementOption,
  resolveStages,
  type MoeConfig,
  type ResolvedStages,
} from '../stages/resolveStages.js';

/** Experts of a GPT. */
export type GptMoeConfig = MoeConfig;

const { causal: _, rope: __, ...backbone } = backboneOptions;

/** All options of a GPT: sizes, position encoding, norms, and what its blocks are. */
export const gptOptions = {
  vocabSize: { type: 'integer', minimum: 1, required: true, flag: false, help: 'tokens of the vocabulary' },
  numLayers: { type: 'integer', minimum: 1, required: true, help: 'blocks; in pairs an even number' },
  ...backbone,
  /** Longest sequence, in tokens. */
  sequenceLength: { type: 'integer', minimum: 1, required: true, help: 'tokens per sequence' },
  positionEncoding: {
    type: 'choice',
    choices: ['learned', 'rotary'],
    default: 'learned',
    help: 'position encoding',
  },
  ropeTheta: { type: 'number', above: 0, default: 10000, help: 'base of the angles of rotary positions' },
  /** Token embedding and output head share one matrix. */
  tiedEmbeddings: { type: 'boolean', default: true, help: 'token embedding and output head share one matrix' },
  placement: placementOption,
  /** `{kind: 'dense'}` where it is not given. */
  moe: { type: 'record', options: moeOptions, optional: true, flag: false, help: 'experts' },
} as const satisfies OptionSpecs;

/** A GPT: sizes, position encoding, norms, and what its blocks are. */
export interface GptConfig extends OptionsOf<typeof gptOptions> {}

/** A GPT with every option decided. */
export interface ResolvedGpt extends ResolvedStages {
  vocabSize: number;
  numLayers: number;
  dModel: number;
  sequenceLength: number;
  positionEncoding: 'learned' | 'rotary';
  tiedEmbeddings: boolean;
}

/** A GPT with the defaults filled in. @throws ArgumentError naming the option, what is allowed and what came. */
export function resolveGpt(config: GptConfig): ResolvedGpt {
  expectKnownOptions('GPT', config, Object.keys(gptOptions));
  const { vocabSize, numLayers, sequenceLength, positionEncoding, ropeTheta, tiedEmbeddings } = gptOptions;
  const own = resolveOptions(config, {
    vocabSize,
    numLayers,
    sequenceLength,
    positionEncoding,
    ropeTheta,
    tiedEmbeddings,
  });
  const { placement, moe } = config;
  const { routing = 'tokenChoice' } = moe ?? {};
  const causal = "tokenChoice (with 'expertChoice' a token's experts depend on later tokens)";
  expectThat(routing === 'tokenChoice', 'moe.routing', causal, routing);
  const stages = resolveStages({ numLayers: own.numLayers, placement, moe, backbone: backboneOf(config, own) });
  const { ropeTheta: _, ...rest } = own;
  return { ...rest, dModel: config.dModel, ...stages };
}

function backboneOf(config: GptConfig, own: { positionEncoding: string; ropeTheta: number }): BackboneConfig {
  return {
    ...pickOptions(config, backbone),
    rope: own.positionEncoding === 'rotary' ? { style: 'half', theta: own.ropeTheta } : undefined,
    causal: true,
  };
}
