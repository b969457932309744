import { ArgumentError } from '@scmoe/errors';
import type { Routing } from '@scmoe/gating';
import {
  ExpertParallelDispatcher,
  expertShard,
  isJointGate,
  joinPending,
  wantedRows,
  type Dispatcher,
  type ExpertShard,
  type OverlapController,
  type ParameterRecord,
  type Pending,
  type TensorGroup,
  type TensorShard,
} from '@scmoe/layer';
import type { Seed } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

import type { ModelExpertSource } from './ModelExpertSource.js';
import { layerRoutes } from './layerRoutes.js';
import { runRecomputed, type RecomputeOptions } from './recompute.js';
import {
  choosesRows,
  runStage,
  stageRandomness,
  type ModelStage,
  type PackedStage,
  type RunStageOptions,
  type StageCache,
} from './runStage.js';

/** How tokens come to their experts, in what order the operators run meanwhile, and what of them is kept for gradients. */
export interface DispatchOptions extends RecomputeOptions {
  /** Brings tokens to their experts and back. Default: all experts are here. A shard of experts needs one. */
  dispatcher?: Dispatcher;
  /** Says in which order the operators of each stage run, and in how many chunks tokens travel. Default: sequentially. */
  overlap?: Pick<OverlapController, 'stage'>;
  /** Ranks that have the same tokens, and a slice each of the model. Default: it is here as a whole. Slices need one. */
  tensor?: TensorGroup;
}

export interface RunStagesOptions extends DispatchOptions {
  /** Computes the routed experts, where they are not among the parameters. */
  expertSource?: ModelExpertSource;
  /** Where the tokens go in every stage that has experts; where no stage has a router. */
  routing?: Routing;
  /** (B, S) bool: false for padding. */
  mask?: tf.Tensor;
  /** Caches of the tokens that x continues, one for each stage. */
  past?: readonly (StageCache | PackedStage)[];
  keepCache?: boolean;
  /** The tokens of (1, T, d) whose output is wanted: y is (1, R, d). Default: all. */
  outputRows?: readonly number[];
  /** Return the output of every stage. */
  keepHiddenStates?: boolean;
  /** Whether a gradient is taken of this pass. */
  training?: boolean;
  /** Switches dropout, stochastic depth and the routers' noise on. Stream 0 of it is the model's own. */
  seed?: Seed;
  /** Chance that a sample goes without what a branch of the last block adds, as `stageRandomness` says. Default: 0. */
  stochasticDepth?: number;
}

export type StagesResult = {
  /** (B, S, d), or (1, R, d) with `outputRows` */
  y: tf.Tensor3D;
  /** Routing of each stage that has experts; of DGMoE, which chooses twice, two; where it was given, that one. */
  routings: Routing[];
  caches?: StageCache[];
  hiddenStates?: tf.Tensor3D[];
  /** What the last stage read; with `keepHiddenStates`. In FarSkip connectivity it lacks what was pending. */
  lastInput?: tf.Tensor3D;
};

/** One pass of x (B, S, d) through all blocks of a model; `parameters` are those of the whole model. */
export function runStages(
  x: tf.Tensor3D,
  stages: readonly ModelStage[],
  parameters: ParameterRecord,
  options: RunStagesOptions,
): StagesResult {
  const {
    past,
    keepCache = false,
    keepHiddenStates = false,
    training = false,
    seed,
    dispatcher,
    overlap,
    tensor,
  } = options;
  const { recompute, keepExchanges } = options;
  const { stochasticDepth = 0, mask, expertSource, routing, outputRows } = options;
  let y = x;
  let pending: Pending | undefined;
  let lastInput = x;
  const routings: Routing[] = routing ? [routing] : [];
  const caches: StageCache[] = [];
  const hiddenStates: tf.Tensor3D[] = [];
  const numTokens = x.shape[0] * x.shape[1];
  // What is dropped depends on the other tokens of the batch: a token decoded alone would be treated otherwise
  // than in the whole sequence. Generation therefore drops nothing.
  const dropless = keepCache || past !== undefined;
  const isLocal = !dispatcher && !tensor && !overlap;
  const rowsOfLast = isLocal && !routing && choosesRows(stages.at(-1)!) ? outputRows : undefined;
  const executions = stages.map((stage, index): RunStageOptions => {
    const random =
      seed === undefined ? {} : stageRandomness(stage, { index, numStages: stages.length, seed, stochasticDepth });
    const { moe } = stage.config;
    const jointGate = moe && isJointGate(moe, { dropless, ...random });
    return {
      past: past?.[index],
      keepCache,
      dispatcher: dispatcher?.ofStage?.(index) ?? dispatcher,
      tensor,
      ...(expertSource && stage.config.moe && expertSource.stage(index, { stages, parameters })),
      ...overlap?.stage(index, { training, continues: past !== undefined, numTokens, jointGate }),
      dropless,
      ...(index === stages.length - 1 && rowsOfLast && { outputRows: rowsOfLast }),
      // What is looked at, and what is computed again without the stage behind it, waits for all that is its own.
      settle: keepHiddenStates || recompute === 'block',
      ...random,
    };
  });
  const withExperts = executions.map((execution, index) => (stages[index]!.config.moe ? execution : undefined));
  const routes = routing && layerRoutes(routing, withExperts, { dispatcher, tensor });
  if (routing) expertSource?.routeAhead?.(routing, { stages, parameters });
  stages.forEach((stage, index) => {
    lastInput = y;
    const result = runRecomputed(
      ({ x: input, ...beside }, own) => runStage(stage, input, parameters, { ...own, ...beside }),
      { x: y, mask, ahead: routes?.[index], pending },
      executions[index]!,
      { recompute, keepExchanges },
    );
    y = result.y;
    pending = result.pending;
    if (!routing) routings.push(...result.routings);
    if (result.cache) caches.push(result.cache);
    if (keepHiddenStates) hiddenStates.push(joinPending(y, pending));
  });
  const all = joinPending(y, pending);
  return {
    y: rowsOfLast ? all : wantedRows(all, outputRows),
    routings,
    ...(keepCache && { caches }),
    ...(keepHiddenStates && { hiddenStates, lastInput }),
  };
}

/**
 * Checks that tokens come to their experts.
 *
 * @throws ArgumentError where this rank holds a share of the experts and nothing would bring tokens to the others.
 */
export function checkDispatcher(
  stages: readonly ModelStage[],
  experts: ExpertShard,
  dispatcher: Dispatcher | undefined,
): void {
  const moe = stages.find(({ config }) => config.moe)?.config.moe;
  if (dispatcher || !moe || experts.size === 1) return;
  const { first, count } = expertShard(moe.numExperts, experts);
  throw new ArgumentError(
    `dispatcher: expected one over the ${experts.size} ranks that share the experts out, got none; experts ${first} to ${first + count - 1} of ${moe.numExperts} are here`,
  );
}

/**
 * Checks that slices of a model come together.
 *
 * @throws ArgumentError where this rank holds a slice and no group of as many ranks was given, or a group and no slice
 */
export function checkTensor(shard: TensorShard, group: TensorGroup | undefined): void {
  const { rank, size } = group ?? { rank: 0, size: 1 };
  if (size === shard.size && rank === shard.rank) return;
  const what = (place: TensorShard) => `rank ${place.rank} of ${place.size}`;
  throw new ArgumentError(
    `tensor: expected the group of ${what(shard)}, whose slice of the model is here, got ${group ? what(group) : 'none'}`,
  );
}

/**
 * Checks that a model whose experts are elsewhere is asked for nothing but inference on this rank.
 *
 * @throws ArgumentError where it is to be trained, or its tokens would travel to other ranks
 */
export function checkExpertSource(
  source: ModelExpertSource | undefined,
  { training = false, dispatcher }: { training?: boolean; dispatcher?: Dispatcher },
): void {
  if (!source) return;
  if (training)
    throw new ArgumentError('training: expected none of a model whose experts are not among its parameters');
  if (dispatcher instanceof ExpertParallelDispatcher)
    throw new ArgumentError(
      'dispatcher: expected none over ranks for a model whose experts are not among its parameters',
    );
}

/** The seed of a training step, where anything in it is random. @throws ArgumentError where there should be one and is none. */
export function seedOfStep(
  stages: readonly ModelStage[],
  dropoutSeed: Seed | undefined,
  { stochasticDepth = 0 }: { stochasticDepth?: number } = {},
): Seed | undefined {
  const rate = stages[0]!.config.dropout;
  const isRandom =
    rate > 0 || stochasticDepth > 0 || stages.some(({ config: { moe } }) => moe && (moe.noisy || moe.jitter > 0));
  if (!isRandom) return undefined;
  const what =
    rate > 0 ? `dropout ${rate}` : stochasticDepth > 0 ? `stochastic depth ${stochasticDepth}` : 'a noisy router';
  if (dropoutSeed === undefined)
    throw new ArgumentError(`dropoutSeed: expected a seed for training with ${what}, got none`);
  return dropoutSeed;
}
