import { ArgumentError } from '@scmoe/errors';
import type { Routing } from '@scmoe/gating';
import type * as tf from '@tensorflow/tfjs';

import type { ParameterRecord } from '../parameters/ParameterRecord.js';
import { executePlan } from '../plan/executePlan.js';
import type { Operator } from '../plan/Operator.js';
import { sequentialPlan, type Plan } from '../plan/Plan.js';
import type { PlanObserver } from '../plan/PlanObserver.js';
import { tidyRecord } from '../plan/tidyRecord.js';
import type { ResolvedLongcatBlock } from './LongcatBlockConfig.js';
import { longcatOperators, type LongcatCache, type LongcatContext, type LongcatValues } from './longcatOperators.js';

export interface RunLongcatBlockOptions extends LongcatContext {
  /** Orders the operators; sequentially by default. Every plan gives the same numbers. */
  plan?: (operators: readonly Operator<LongcatValues>[]) => Plan;
  /** Hears of every step of the plan. */
  observer?: PlanObserver;
  /** Return what both attentions remember of all tokens, for a pass that continues this one. */
  keepCache?: boolean;
}

/** What a pass through a LongCat block gives. */
export type LongcatBlockResult = {
  /** (B, S, d) */
  y: tf.Tensor3D;
  routing: Routing;
  /** With `keepCache`. */
  cache?: LongcatCache;
};

/**
 * One pass of x (B, S, d) through a LongCat block. Routing and capacity see all B * S tokens at once.
 * @throws Error where x has another shape than (B, S, dModel) or a parameter is missing.
 */
export function runLongcatBlock(
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  config: ResolvedLongcatBlock,
  { plan = sequentialPlan, observer, keepCache = false, ...context }: RunLongcatBlockOptions = {},
): LongcatBlockResult {
  if (x.rank !== 3 || x.shape[2] !== config.dModel) {
    throw new ArgumentError(
      `LongCat block input: expected shape (batch, sequence, ${config.dModel}), got (${x.shape.join(', ')})`,
    );
  }
  const operators = longcatOperators(parameters, config, context);
  return tidyRecord(() => {
    const { y, routing, keyValues1, keyValues2 } = executePlan(plan(operators), operators, { x }, { observer });
    return {
      y: y!,
      routing: routing!,
      cache: keepCache ? { attention1: keyValues1!, attention2: keyValues2! } : undefined,
    };
  });
}
