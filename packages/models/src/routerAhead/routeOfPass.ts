import type { Routing } from '@scmoe/gating';
import type { ParameterRecord } from '@scmoe/layer';
import type { Seed } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

import type { RecomputeOptions } from '../stages/recompute.js';
import { stageRandomness, type StageCache } from '../stages/runStage.js';
import type { ResolvedRouterAhead } from './RouterAheadConfig.js';
import { readAhead, routeAhead } from './runRouterAhead.js';

/** How a pass of a model runs, as far as its router ahead is concerned. */
export interface RouteOfPassOptions extends RecomputeOptions {
  /** Stages of the model, behind which the router has its place. */
  numStages: number;
  mask?: tf.Tensor2D;
  /** Caches of all stages, and behind them that of the router. */
  past?: readonly StageCache[];
  keepCache?: boolean;
  seed?: Seed;
}

/** Where the tokens x (B, S, dModel) of a pass go in all blocks. */
export function routeOfPass(
  x: tf.Tensor3D,
  routerAhead: ResolvedRouterAhead,
  parameters: ParameterRecord,
  { numStages: index, mask, past, keepCache = false, seed, recompute, keepExchanges }: RouteOfPassOptions,
): { routing: Routing; caches: StageCache[] } {
  // Streams of its own, behind those of the blocks.
  const order = { index, numStages: index + 1, stochasticDepth: 0 };
  const random = seed === undefined ? undefined : stageRandomness(routerAhead.stage, { ...order, seed });
  const { rows, cache } = readAhead(x, routerAhead, parameters, {
    ...{ mask, past: past?.[index], keepCache, recompute, keepExchanges, dropout: random?.dropout },
  });
  // As in runStages: what generation continues must not have been dropped.
  const dropless = keepCache || past !== undefined;
  const routing = routeAhead(rows, routerAhead, parameters, { mask, dropless, ...random?.router });
  return { routing, caches: cache ? [cache] : [] };
}
