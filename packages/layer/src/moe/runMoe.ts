import { ArgumentError } from '@scmoe/errors';
import type { Routing } from '@scmoe/gating';
import type * as tf from '@tensorflow/tfjs';

import type { ParameterRecord } from '../parameters/ParameterRecord.js';
import { runOperators, type RunOptions } from '../plan/runOperators.js';
import { checkMask } from './checkMask.js';
import { moeLayerOperators, type MoeLayerValues, type ResolvedMoeLayer } from './moeLayerOperators.js';
import type { MoeContext } from './moeSublayer.js';

export interface RunMoeOptions extends MoeContext, RunOptions<MoeLayerValues> {
  /** What gate and experts read: of the shape of `current`, which it is by default. */
  shortcut?: tf.Tensor;
}

/** What a pass through a bare expert layer gives. */
export type MoeResult = {
  /** (..., d) */
  y: tf.Tensor;
  routing: Routing;
  /** Routing of the current activation; DGMoE alone. */
  currentRouting?: Routing;
};

/**
 * One pass through a bare expert layer: `current` (..., d) feeds shared expert and mix, or DGMoE's second choice,
 * `shortcut` feeds gate and experts.
 * @throws ArgumentError where the two differ in shape, a mask has another shape than (...), or a parameter is missing.
 */
export function runMoe(
  current: tf.Tensor,
  parameters: ParameterRecord,
  config: ResolvedMoeLayer,
  { shortcut = current, plan, ...context }: RunMoeOptions = {},
): MoeResult {
  if (shortcut.shape.join() !== current.shape.join()) {
    const [expected, got] = [current, shortcut].map(({ shape }) => `(${shape.join(', ')})`);
    throw new ArgumentError(`shortcut: expected the shape of the current input, ${expected}, got ${got}`);
  }
  const { observer } = context;
  checkMask(context.mask, current);
  const operators = moeLayerOperators(parameters, config, context);
  return runOperators(operators, { u: current, shortcut }, { plan, observer }, ({ y, routing, currentRouting }) => ({
    y: y!,
    routing: routing!,
    currentRouting,
  }));
}
