import { ArgumentError } from '@scmoe/errors';
import type { Routing } from '@scmoe/gating';
import type * as tf from '@tensorflow/tfjs';

import type { ResolvedPair } from '../config/PairConfig.js';
import type { ParameterRecord } from '../parameters/ParameterRecord.js';
import { executePlan } from '../plan/executePlan.js';
import type { Operator } from '../plan/Operator.js';
import { sequentialPlan, type Plan } from '../plan/Plan.js';
import type { PlanObserver } from '../plan/PlanObserver.js';
import { tidyRecord } from '../plan/tidyRecord.js';
import type { PairCache, PairContext } from './PairContext.js';
import { pairOperators, type PairValues } from './pairOperators.js';

export interface RunPairOptions extends PairContext {
  /** Orders the operators; sequentially by default. Every plan gives the same numbers. */
  plan?: (operators: readonly Operator<PairValues>[]) => Plan;
  /** Hears of every step of the plan. */
  observer?: PlanObserver;
  /** Return the keys and values of all tokens, for a pass that continues this one. */
  keepCache?: boolean;
}

/** What `runPair` returns. */
export type PairResult = {
  /** (B, S, d) */
  y: tf.Tensor3D;
  /** Absent for `dense`. */
  routing?: Routing;
  /** Of the current activation; `dgmoe` alone. */
  currentRouting?: Routing;
  /** With `keepCache`. */
  cache?: PairCache;
};

/**
 * One pass of x (B, S, d) through a pair of blocks. Routing and capacity see all B * S tokens at once.
 * @throws Error where x has another shape than (B, S, dModel) or a parameter is missing.
 */
export function runPair(
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  config: ResolvedPair,
  { plan = sequentialPlan, observer, keepCache = false, ...context }: RunPairOptions = {},
): PairResult {
  if (x.rank !== 3 || x.shape[2] !== config.dModel) {
    throw new ArgumentError(
      `pair input: expected shape (batch, sequence, ${config.dModel}), got (${x.shape.join(', ')})`,
    );
  }
  const operators = pairOperators(parameters, config, context);
  return tidyRecord(() => {
    const values = executePlan(plan(operators), operators, { x }, { observer });
    const { y, routing, currentRouting, keyValues1, keyValues2 } = values;
    return {
      y: y!,
      routing,
      currentRouting,
      cache: keepCache ? { attention1: keyValues1!, attention2: keyValues2! } : undefined,
    };
  });
}
