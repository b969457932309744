import { ArgumentError } from '@scmoe/errors';

import { observeStep } from './observeStep.js';
import { isExchange, type Operator } from './Operator.js';
import type { Plan, Step } from './Plan.js';
import type { PlanObserver } from './PlanObserver.js';
import { tidyRecord } from './tidyRecord.js';

/** Who hears of a plan as it is executed. */
export interface ExecutePlanOptions {
  /** Hears of every step. Without one, nothing is done for it. */
  observer?: PlanObserver;
}

/**
 * Runs the operators in the order of the plan, starting from the values given, and returns all values produced.
 *
 * Each operator is handed only the values it declares, inside a tf.tidy of its own: what it neither returns nor saves
 * for the backward pass is freed as soon as it ends. Call it inside a tf.tidy, which frees the values that are not kept.
 *
 * @throws Error naming the step where the plan skips, repeats or misplaces an operator, or runs it before its inputs.
 */
export function executePlan<Values extends object>(
  plan: Plan,
  operators: readonly Operator<Values>[],
  initial: Partial<Values>,
  { observer }: ExecutePlanOptions = {},
): Partial<Values> {
  const perform = <In extends object, Out extends object>(step: Step, inputs: In, compute: (inputs: In) => Out): Out =>
    tidyRecord(() => (observer ? observeStep(step, observer, inputs, compute) : compute(inputs)));
  const byName = new Map(operators.map((operator) => [operator.name, operator]));
  const values = { ...initial };
  const inFlight = new Map<string, object>();
  const done = new Set<string>();

  for (const step of plan) {
    const operator = byName.get(step.operator);
    if (!operator) throw planError(step, `no such operator; there are ${[...byName.keys()].join(', ')}`);
    if (done.has(operator.name)) throw planError(step, 'it already ran');

    if (step.action === 'wait') {
      const started = inFlight.get(operator.name);
      if (!started || !isExchange(operator)) throw planError(step, 'it was not started');
      inFlight.delete(operator.name);
      done.add(operator.name);
      Object.assign(values, perform(step, started, operator.finish));
      continue;
    }

    const inputs = declaredInputs(step, operator, values);
    if (isExchange(operator)) {
      if (step.action === 'run') throw planError(step, 'an exchange is started and waited for, not run');
      if (inFlight.has(operator.name)) throw planError(step, 'it is already under way');
      inFlight.set(operator.name, perform(step, inputs, operator.start));
    } else {
      if (step.action === 'start') throw planError(step, 'a computation is run, not started');
      done.add(operator.name);
      Object.assign(values, perform(step, inputs, operator.run));
    }
  }

  const missing = operators.filter(({ name }) => !done.has(name)).map(({ name }) => name);
  if (missing.length > 0)
    throw new ArgumentError(`plan ends before these operators are complete: ${missing.join(', ')}`);
  return values;
}

function declaredInputs<Values extends object>(
  step: Step,
  operator: Operator<Values>,
  values: Partial<Values>,
): Values {
  const inputs: Partial<Values> = {};
  for (const name of operator.inputs) {
    if (values[name] === undefined) throw planError(step, `its input '${name}' does not exist yet`);
    inputs[name] = values[name];
  }
  return inputs as Values;
}

function planError({ action, operator }: Step, problem: string): Error {
  return new Error(`plan step '${action} ${operator}': ${problem}`);
}
