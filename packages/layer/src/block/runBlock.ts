import { ArgumentError } from '@scmoe/errors';
import type { Routing } from '@scmoe/gating';
import type * as tf from '@tensorflow/tfjs';

import type { ResolvedBlock } from '../config/BlockConfig.js';
import type { ParameterRecord } from '../parameters/ParameterRecord.js';
import { executePlan } from '../plan/executePlan.js';
import type { Operator } from '../plan/Operator.js';
import { sequentialPlan, type Plan } from '../plan/Plan.js';
import type { PlanObserver } from '../plan/PlanObserver.js';
import { tidyRecord } from '../plan/tidyRecord.js';
import type { BlockCache, BlockContext } from './BlockContext.js';
import { blockOperators, type BlockValues } from './blockOperators.js';

export interface RunBlockOptions extends BlockContext {
  /** Orders the operators; sequentially by default. Every plan gives the same numbers. */
  plan?: (operators: readonly Operator<BlockValues>[]) => Plan;
  /** Hears of every step of the plan. */
  observer?: PlanObserver;
  /** Return the keys and values of all tokens, for a pass that continues this one. */
  keepCache?: boolean;
}

/** What a pass through a block gives. */
export type BlockResult = {
  /** (B, S, d) */
  y: tf.Tensor3D;
  /** Absent for `dense`. */
  routing?: Routing;
  /** Of the current activation; `dgmoe` alone. */
  currentRouting?: Routing;
  /** With `keepCache`. */
  cache?: BlockCache;
};

/**
 * One pass of x (B, S, d) through a block. Routing and capacity see all B * S tokens at once.
 * @throws Error where x has another shape than (B, S, dModel) or a parameter is missing.
 */
export function runBlock(
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  config: ResolvedBlock,
  { plan = sequentialPlan, observer, keepCache = false, ...context }: RunBlockOptions = {},
): BlockResult {
  if (x.rank !== 3 || x.shape[2] !== config.dModel) {
    throw new ArgumentError(
      `block input: expected shape (batch, sequence, ${config.dModel}), got (${x.shape.join(', ')})`,
    );
  }
  const operators = blockOperators(parameters, config, context);
  return tidyRecord(() => {
    const { y, routing, currentRouting, keyValues } = executePlan(plan(operators), operators, { x }, { observer });
    return { y: y!, routing, currentRouting, cache: keepCache ? { attention: keyValues! } : undefined };
  });
}
