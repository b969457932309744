import { expectOneOf } from '@scmoe/errors';
import type { Operator, Pending, RouteAhead, StageExecution } from '@scmoe/layer';
import { recomputed } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

import type { RunStageOptions, StageResult } from './runStage.js';

/**
 * What a training step keeps for its backward pass. `off`: all that gradients need. `selective`: what passes between the
 * operators of a stage, and the results of attention; the inside of attention, MLP and experts is computed once more.
 * `block`: the inputs of the stages (a block, or a pair of them) alone.
 */
export const recomputeModes = ['off', 'selective', 'block'] as const;
/** One of `recomputeModes`. */
export type RecomputeMode = (typeof recomputeModes)[number];

/**
 * Which exchanges between ranks a stage that runs again does not repeat, at the cost of keeping what they brought: `all`;
 * `exposed`, those of stages whose plan has nothing to do beside one of them; `off`, none.
 */
export const keptExchanges = ['off', 'exposed', 'all'] as const;
/** One of `keptExchanges`. */
export type KeptExchanges = (typeof keptExchanges)[number];

/** What is computed twice to save memory; values and gradients are the same, bit for bit. */
export interface RecomputeOptions {
  /** Default: `off`. */
  recompute?: RecomputeMode;
  /** What becomes of exchanges, with `block`. Default: `all`. */
  keepExchanges?: KeptExchanges;
}

type Plan = ReturnType<StageExecution['plan']>;

/** A stage's pass, as a function of what it reads besides its parameters. */
export type StagePass = (
  inputs: { x: tf.Tensor3D; mask?: tf.Tensor; ahead?: RouteAhead; pending?: Pending },
  options: RunStageOptions,
) => StageResult;

/**
 * One pass through a stage that keeps no more for its gradient than `recompute` says.
 *
 * @throws ArgumentError for a mode that there is not
 */
export function runRecomputed(
  pass: StagePass,
  inputs: Parameters<StagePass>[0],
  options: RunStageOptions,
  { recompute = 'off', keepExchanges = 'all' }: RecomputeOptions,
): StageResult {
  expectOneOf('recompute', recompute, recomputeModes);
  expectOneOf('keepExchanges', keepExchanges, keptExchanges);
  if (recompute !== 'block') return pass(inputs, { ...options, recompute: recompute === 'selective' });
  const { plan } = options;
  let isHidden = false;
  const watched =
    plan &&
    (<Values>(operators: readonly Operator<Values>[]): Plan => {
      const steps = plan(operators);
      isHidden = hidesExchanges(steps);
      return steps;
    });
  const keepLarge = () => keepExchanges === 'all' || (keepExchanges === 'exposed' && !isHidden);
  return recomputed(inputs, (given) => pass(given, { ...options, ...(watched && { plan: watched }) }), { keepLarge });
}

/** Whether something is computed while each exchange is under way. */
function hidesExchanges(plan: Plan): boolean {
  return plan.every(({ action, operator }, start) => {
    if (action !== 'start') return true;
    const wait = plan.findIndex((step) => step.action === 'wait' && step.operator === operator);
    return plan.slice(start, wait).some((step) => step.action === 'run');
  });
}
