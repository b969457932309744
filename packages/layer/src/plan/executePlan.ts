import { ArgumentError } from '@scmoe/errors';
import { checkPlan, operatorNodes, type Plan, type Step } from '@scmoe/scheduler';

import { observeStep } from './observeStep.js';
import { isExchange, type Operator } from './Operator.js';
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
 * @throws ArgumentError naming the step where the plan skips, repeats or misplaces an operator, or runs it before those
 *   whose outputs it reads; or the value that neither was given nor is any operator's output
 */
export function executePlan<Values extends object>(
  plan: Plan,
  operators: readonly Operator<Values>[],
  initial: Partial<Values>,
  { observer }: ExecutePlanOptions = {},
): Partial<Values> {
  checkPlan(operatorNodes(operators), plan);
  const perform = <In extends object, Out extends object>(step: Step, inputs: In, compute: (inputs: In) => Out): Out =>
    tidyRecord(() => (observer ? observeStep(step, observer, inputs, compute) : compute(inputs)));
  const byName = new Map(operators.map((operator) => [operator.name, operator]));
  const values = { ...initial };
  const inFlight = new Map<string, object>();
  for (const step of plan) {
    const operator = byName.get(step.operator)!;
    if (!isExchange(operator)) {
      Object.assign(values, perform(step, declaredInputs(operator, values), operator.run));
    } else if (step.action === 'start') {
      inFlight.set(operator.name, perform(step, declaredInputs(operator, values), operator.start));
    } else {
      Object.assign(values, perform(step, inFlight.get(operator.name)!, operator.finish));
      inFlight.delete(operator.name);
    }
  }
  return values;
}

function declaredInputs<Values extends object>({ name, inputs }: Operator<Values>, values: Partial<Values>): Values {
  const missing = inputs.find((input) => values[input] === undefined);
  if (missing !== undefined) {
    throw new ArgumentError(
      `'${name}' reads '${missing}', which was not given; there are ${Object.keys(values).join(', ')}`,
    );
  }
  return Object.fromEntries(inputs.map((input) => [input, values[input]])) as unknown as Values;
}
