import { ArgumentError } from '@scmoe/errors';
import type { Routing } from '@scmoe/gating';
import type * as tf from '@tensorflow/tfjs';

import type { ParameterRecord } from '../parameters/ParameterRecord.js';
import { executePlan } from '../plan/executePlan.js';
import type { Operator } from '../plan/Operator.js';
import { sequentialPlan, type Plan } from '../plan/Plan.js';
import type { PlanObserver } from '../plan/PlanObserver.js';
import { tidyRecord } from '../plan/tidyRecord.js';
import { moeLayerOperators, type MoeLayerValues, type ResolvedMoeLayer } from './moeLayerOperators.js';
import type { MoeContext } from './moeSublayer.js';

export interface RunMoeOptions extends MoeContext {
  /** What gate and experts read: of the shape of `current`, which it is by default. */
  shortcut?: tf.Tensor;
  /** Orders the operators; sequentially by default. Every plan gives the same numbers. */
  plan?: (operators: readonly Operator<MoeLayerValues>[]) => Plan;
  /** Hears of every step of the plan. */
  observer?: PlanObserver;
}

/** What a pass through a bare expert layer gives. */
export type MoeResult = {
  /** (..., d) */
  y: tf.Tensor;
  routing: Routing;
  /** Of the current activation; DGMoE alone. */
  currentRouting?: Routing;
};

/**
 * One pass through a bare expert layer: `current` (..., d) feeds shared expert and mix, or DGMoE's second choice,
 * `shortcut` feeds gate and experts.
 * @throws Error where the two differ in shape or a parameter is missing.
 */
export function runMoe(
  current: tf.Tensor,
  parameters: ParameterRecord,
  config: ResolvedMoeLayer,
  { shortcut = current, plan = sequentialPlan, observer, ...context }: RunMoeOptions = {},
): MoeResult {
  if (shortcut.shape.join() !== current.shape.join()) {
    const [expected, got] = [current, shortcut].map(({ shape }) => `(${shape.join(', ')})`);
    throw new ArgumentError(`shortcut: expected the shape of the current input, ${expected}, got ${got}`);
  }
  const operators = moeLayerOperators(parameters, config, context);
  return tidyRecord(() => {
    const { y, routing, currentRouting } = executePlan(
      plan(operators),
      operators,
      { u: current, shortcut },
      { observer },
    );
    return { y: y!, routing: routing!, currentRouting };
  });
}
