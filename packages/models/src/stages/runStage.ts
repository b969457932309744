import { routerStreams, type Routing } from '@scmoe/gating';
import {
  below,
  blockSpecs,
  dropoutStreams,
  longcatDropoutStreams,
  longcatSpecs,
  pairSpecs,
  runBlock,
  runLongcatBlock,
  runPair,
  under,
  type BlockCache,
  type BlockContext,
  type StageExecution,
  type LongcatCache,
  type LongcatContext,
  type Packed,
  type PairCache,
  type PairContext,
  type ParameterRecord,
  type Pending,
  type ParameterSpecs,
  type ResolvedLongcatBlock,
  type ShardOptions,
} from '@scmoe/layer';
import { KeyValueCache, RecurrentCache, type Seed } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

import type { Stage } from './resolveStages.js';

/** A stage of any model: a pair, a block, or the block of LongCat-Flash. */
export type ModelStage =
  Stage | { readonly kind: 'longcat'; readonly name: string; readonly config: ResolvedLongcatBlock };

export type StageCache = PairCache | BlockCache | LongcatCache;

/** Packed sequences in the place of what each attention of a stage remembers. */
export type PackedStage = Packed<PairCache> | Packed<BlockCache> | Packed<LongcatCache>;

/** An empty cache of one sequence for each attention of a stage, by its name. */
export function sequenceCachesOf({ kind, config }: ModelStage): Record<string, KeyValueCache | RecurrentCache> {
  const attentions = kind === 'block' ? ['attention'] : ['attention1', 'attention2'];
  const isRecurrent = 'gatedDelta' in config && config.gatedDelta !== undefined;
  return Object.fromEntries(attentions.map((name) => [name, isRecurrent ? new RecurrentCache() : new KeyValueCache()]));
}

export interface RunStageOptions extends Omit<BlockContext, 'past' | 'chunks'>, Partial<StageExecution> {
  past?: StageCache | PackedStage;
  keepCache?: boolean;
  /** Wait for what is pending before the stage ends. */
  settle?: boolean;
  /** The inside of its operators is computed once more for the backward pass. */
  recompute?: boolean;
}

export type StageResult = {
  /** (B, S, d); without what is `pending`. */
  y: tf.Tensor3D;
  /** What the next stage adds, or who reads y. */
  pending?: Pending;
  /** None for a dense stage, two for DGMoE, which chooses twice. */
  routings: Routing[];
  cache?: StageCache;
};

/** Whether the stage can compute the wanted rows of its output alone. */
export function choosesRows(stage: ModelStage): boolean {
  return stage.kind !== 'longcat' && stage.config.connectivity === 'regular';
}

/** Random streams that one stage takes, whatever its kind: first for dropout, then for the noise of its two routers. */
const stageStreams = dropoutStreams + 2 * routerStreams;

/** Streams of stochastic depth, apart from those of dropout and routers, which are numbered from 0. */
const firstDepthStream = 0x5d00;

/**
 * What is random in stage `index` of `numStages` in a training step: dropout, stochastic depth, and the routers' noise and
 * jitter.
 *
 * @param stochasticDepth chance that a sample goes without what the last block's attention, or its MLP or experts, adds; that
 *   of block l of L is l/L of it. Not for LongCat-Flash.
 */
export function stageRandomness(
  { kind }: ModelStage,
  {
    index,
    numStages,
    seed,
    stochasticDepth,
  }: { index: number; numStages: number; seed: Seed; stochasticDepth: number },
): Required<Pick<RunStageOptions, 'dropout' | 'router'>> {
  const firstStream = 1 + index * stageStreams;
  // The block of LongCat-Flash has more places for dropout, and one router.
  const ofDropout = kind === 'longcat' ? longcatDropoutStreams : dropoutStreams;
  const blocks = kind === 'pair' ? 2 : 1;
  // The attention of each block, and what follows it.
  const rates = Array.from({ length: 2 * blocks }, (_, place) => {
    const block = index * blocks + Math.floor(place / 2);
    return (stochasticDepth * (block + 1)) / (numStages * blocks);
  });
  const depth = { rates, firstStream: firstDepthStream + index * dropoutStreams };
  return {
    dropout: { seed, firstStream, ...(stochasticDepth > 0 && { stochasticDepth: depth }) },
    router: { training: true, seed, stream: firstStream + ofDropout },
  };
}

export function stageSpecs(stage: ModelStage, options: ShardOptions): ParameterSpecs {
  return under(stage.name, specsOf(stage, options));
}

function specsOf({ kind, config }: ModelStage, options: ShardOptions): ParameterSpecs {
  if (kind === 'pair') return pairSpecs(config, options);
  return kind === 'block' ? blockSpecs(config, options) : longcatSpecs(config, options);
}

/** One pass of x (B, S, d) through a stage; `parameters` are those of the whole model. */
export function runStage(
  stage: ModelStage,
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  { past, ...options }: RunStageOptions,
): StageResult {
  const own = below(parameters, stage.name);
  if (stage.kind === 'longcat') {
    const result = runLongcatBlock(x, own, stage.config, { ...options, past: past as LongcatContext['past'] });
    return { y: result.y, routings: [result.routing], cache: result.cache };
  }
  const { y, pending, routing, currentRouting, cache } =
    stage.kind === 'pair'
      ? runPair(x, own, stage.config, { ...options, past: past as PairContext['past'] })
      : runBlock(x, own, stage.config, { ...options, past: past as BlockContext['past'] });
  return { y, pending, routings: [routing, currentRouting].filter((each) => each !== undefined), cache };
}
