import { expectKnownOptions, expectThat } from '@scmoe/errors';
import {
  omitOptions,
  pickOptions,
  resolveOptions,
  type OptionSpecs,
  type OptionsOf,
  type ResolvedOptions,
} from '@scmoe/gating';
import { backboneOptions, ropeOptions, type BackboneConfig } from '@scmoe/layer';

import {
  resolveRouterAhead,
  routerAheadOptions,
  withoutRouters,
  type ResolvedRouterAhead,
} from '../routerAhead/RouterAheadConfig.js';
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
const { theta, style, size, scaling } = ropeOptions;

/** Rotation of queries and keys by position, where `positionEncoding` is `rotary`. */
const rotaryOptions = {
  ropeTheta: { ...theta, help: 'base of the angles of rotary positions' },
  /** Which components of a head turn together. */
  ropeStyle: { ...style, required: false, default: 'half', flag: false },
  /** Components of each head that turn, the first ones; all by default. */
  ropeSize: { ...size, flag: false },
  ropeScaling: scaling,
} as const satisfies OptionSpecs;

const sizeOptions = {
  vocabSize: { type: 'integer', minimum: 1, required: true, flag: false, help: 'tokens of the vocabulary' },
  numLayers: { type: 'integer', minimum: 1, required: true, help: 'blocks; in pairs an even number' },
} as const satisfies OptionSpecs;

/** What comes before the first block and behind the last. */
const outerOptions = {
  /** Longest sequence, in tokens. */
  sequenceLength: { type: 'integer', minimum: 1, required: true, help: 'tokens per sequence' },
  positionEncoding: {
    type: 'choice',
    choices: ['learned', 'rotary'],
    default: 'learned',
    help: 'position encoding',
  },
  ...rotaryOptions,
  /** Factor on the embeddings, and what the logits are divided by (Granite). */
  embeddingScale: { type: 'number', above: 0, default: 1, flag: false, help: 'factor on the embeddings' },
  logitsDivisor: { type: 'number', above: 0, default: 1, flag: false, help: 'what the logits are divided by' },
  /** A bias on the logits (Phi-3.5-MoE). */
  headBias: { type: 'boolean', default: false, flag: false, help: 'a bias on the logits' },
  /** Token embedding and output head share one matrix. */
  tiedEmbeddings: { type: 'boolean', default: true, help: 'token embedding and output head share one matrix' },
} as const satisfies OptionSpecs;

/** All options of a GPT: sizes, position encoding, norms, and what its blocks are. */
export const gptOptions = {
  ...sizeOptions,
  ...backbone,
  ...outerOptions,
  /** Blocks, counted from 0, whose attention has the `window`; all by default. Not in pairs. */
  windowLayers: { type: 'integers', minimum: 0, optional: true, flag: false, help: 'blocks that have the window' },
  /** Blocks, counted from 0, that have the gated delta network in place of attention; all by default. Not in pairs. */
  deltaLayers: {
    type: 'integers',
    minimum: 0,
    optional: true,
    flag: false,
    help: 'blocks with the gated delta network',
  },
  placement: placementOption,
  /** `{kind: 'dense'}` where it is not given. */
  moe: { type: 'record', options: moeOptions, optional: true, flag: false, help: 'experts' },
  ...routerAheadOptions,
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
  embeddingScale: number;
  logitsDivisor: number;
  headBias: boolean;
  routerAhead?: ResolvedRouterAhead;
}

/** A GPT with the defaults filled in. @throws ArgumentError naming the option, what is allowed and what came. */
export function resolveGpt(config: GptConfig): ResolvedGpt {
  expectKnownOptions('GPT', config, Object.keys(gptOptions));
  const own = resolveOptions(config, { ...sizeOptions, ...outerOptions });
  const { placement, moe, windowLayers, deltaLayers } = config;
  const { routing = 'tokenChoice' } = moe ?? {};
  const causal = "tokenChoice (with 'expertChoice' a token's experts depend on later tokens)";
  expectThat(routing === 'tokenChoice', 'moe.routing', causal, routing);
  const { numLayers } = own;
  const ofBlocks = backboneOf(config, own);
  const resolved = resolveStages({ numLayers, placement, moe, windowLayers, deltaLayers, backbone: ofBlocks });
  const rope = own.positionEncoding === 'rotary' ? ({ style: 'half', theta: own.ropeTheta } as const) : undefined;
  const ahead = pickOptions(config, routerAheadOptions);
  const routerAhead = resolveRouterAhead(ahead, { stages: resolved.stages, backbone: ofBlocks, rope });
  return {
    ...omitOptions(own, rotaryOptions),
    dModel: config.dModel,
    ...resolved,
    ...(routerAhead && { routerAhead, stages: withoutRouters(resolved.stages) }),
  };
}

function backboneOf(config: GptConfig, outer: ResolvedOptions<typeof outerOptions>): BackboneConfig {
  const { positionEncoding, ropeStyle: style, ropeTheta: theta, ropeSize: size, ropeScaling: scaling } = outer;
  const { latent } = config;
  const isRotary = positionEncoding === 'rotary';
  expectThat(isRotary || !latent, 'positionEncoding', 'rotary with latent attention', positionEncoding);
  // What turns in latent attention, and how, stands among its own options.
  const rope = isRotary && !latent ? { style, theta, size, scaling } : undefined;
  return { ...pickOptions(config, backbone), rope, causal: true };
}
