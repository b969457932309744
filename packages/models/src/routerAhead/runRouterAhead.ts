import { routeTokens, type RouteContext, type Routing } from '@scmoe/gating';
import { below, normalize, parameter, project, type ParameterRecord } from '@scmoe/layer';
import * as tf from '@tensorflow/tfjs';

import { runRecomputed, type RecomputeOptions } from '../stages/recompute.js';
import { runStage, type RunStageOptions, type StageCache } from '../stages/runStage.js';
import { routerAheadName, type ResolvedRouterAhead } from './RouterAheadConfig.js';

/** How the router's block runs. */
export interface ReadAheadOptions
  extends RecomputeOptions, Pick<RunStageOptions, 'past' | 'keepCache' | 'dropout' | 'mask'> {}

/** What the router has made of tokens. */
export type ReadAhead = {
  /** (T, w): what its choice is made by. */
  rows: tf.Tensor2D;
  /** What its attention knows of all tokens, with `keepCache`. */
  cache?: StageCache;
};

/** Reads the tokens x (B, S, dModel) as the router before the first block does; `parameters` are those of the whole model. */
export function readAhead(
  x: tf.Tensor3D,
  { width, stage }: ResolvedRouterAhead,
  parameters: ParameterRecord,
  { mask, recompute, keepExchanges, ...options }: ReadAheadOptions = {},
): ReadAhead {
  const weight = parameter<tf.Tensor2D>(parameters, `${routerAheadName}.projection.weight`);
  const { y, cache } = runRecomputed(
    ({ x: input, mask }, own) => runStage(stage, input, parameters, { ...own, mask }),
    { x: project(x, weight) as tf.Tensor3D, mask },
    options,
    { recompute, keepExchanges },
  );
  const rows = normalize(y, below(parameters, `${routerAheadName}.norm`), stage.config);
  return { rows: tf.reshape(rows, [-1, width]), cache };
}

/** The route of tokens in every block, of what the router has made of them: (T, w). */
export function routeAhead(
  rows: tf.Tensor2D,
  { router }: ResolvedRouterAhead,
  parameters: ParameterRecord,
  { mask, ...context }: Omit<RouteContext, 'excluded'> = {},
): Routing {
  const ofTokens = mask && tf.reshape(mask, [-1]);
  return routeTokens(rows, below(parameters, `${routerAheadName}.router`), router, { ...context, mask: ofTokens });
}
