import { routerStreams, type Routing } from '@scmoe/gating';
import {
  below,
  blockSpecs,
  dropoutStreams,
  pairSpecs,
  runBlock,
  runPair,
  under,
  type BlockCache,
  type BlockContext,
  type PairCache,
  type ParameterRecord,
  type ParameterSpecs,
  type ShardOptions,
} from '@scmoe/layer';
import type * as tf from '@tensorflow/tfjs';

import type { Stage } from './resolveStages.js';

export type StageCache = PairCache | BlockCache;

export interface RunStageOptions extends Omit<BlockContext, 'past'> {
  past?: StageCache;
  keepCache?: boolean;
}

export type StageResult = {
  /** (B, S, d) */
  y: tf.Tensor3D;
  /** None for a dense stage, two for DGMoE, which chooses twice. */
  routings: Routing[];
  cache?: StageCache;
};

/** Random streams that one stage takes, whatever its kind: first for dropout, then for the noise of its two routers. */
const stageStreams = dropoutStreams + 2 * routerStreams;

/** What is random in stage `index` of a training step: dropout, and the routers' noise and jitter. */
export function stageRandomness(index: number, seed: number): Required<Pick<RunStageOptions, 'dropout' | 'router'>> {
  const firstStream = 1 + index * stageStreams;
  return {
    dropout: { seed, firstStream },
    router: { training: true, seed, stream: firstStream + dropoutStreams },
  };
}

export function stageSpecs(stage: Stage, options: ShardOptions): ParameterSpecs {
  return under(
    stage.name,
    stage.kind === 'pair' ? pairSpecs(stage.config, options) : blockSpecs(stage.config, options),
  );
}

/** One pass of x (B, S, d) through a pair or a block; `parameters` are those of the whole model. */
export function runStage(
  stage: Stage,
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  { past, ...options }: RunStageOptions,
): StageResult {
  const own = below(parameters, stage.name);
  const { y, routing, currentRouting, cache } =
    stage.kind === 'pair'
      ? runPair(x, own, stage.config, { ...options, past: past as PairCache | undefined })
      : runBlock(x, own, stage.config, { ...options, past: past as BlockCache | undefined });
  return { y, routings: [routing, currentRouting].filter((each) => each !== undefined), cache };
}
