import { ArgumentError } from '@scmoe/errors';
import { checkPlan, operatorNodes, type Plan, type Step } from '@scmoe/scheduler';

import { observeStep } from './observeStep.js';
import { LateValue } from './LateValue.js';
import { isExchange, type Operator } from './Operator.js';
import type { PlanObserver } from './PlanObserver.js';
import { tidyRecord } from './tidyRecord.js';

/** Who hears of a plan as it is executed, and what of it is left for later. */
export interface ExecutePlanOptions {
  /** Hears of every step. Without one, nothing is done for it. */
  observer?: PlanObserver;
  /**
   * A value of which the steps at the end of the plan that do nothing but bring it are left to whoever reads it: it is a
   * `LateValue` in the result, unless nothing is left to do for it.
   */
  late?: string;
}

/**
 * Runs the operators in the order of the plan, starting from the values given, and returns all values produced. Of those given,
 * late ones are waited for by the first operator that reads them.
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
  { observer, late }: ExecutePlanOptions = {},
): Partial<Values> {
  checkPlan(operatorNodes(operators), plan);
  const byName = new Map(operators.map((operator) => [operator.name, operator]));
  const end = late === undefined ? plan.length : endWithout(late, plan, byName);
  const take = (steps: Plan, { values, inFlight }: Progress<Values>): Partial<Values> => {
    for (const step of steps) performStep(step, byName.get(step.operator)!, { values, inFlight }, observer);
    return values;
  };
  const progress: Progress<Values> = { values: { ...initial }, inFlight: {} };
  take(plan.slice(0, end), progress);
  if (end === plan.length) return progress.values;
  const rest = plan.slice(end);
  const read = new Set<string>(rest.flatMap(({ operator }) => byName.get(operator)!.inputs));
  const needed = Object.entries(progress.values).filter(([name]) => read.has(name));
  const state: Progress<Values> = { ...progress, values: Object.fromEntries(needed) as Partial<Values> };
  const value = new LateValue(state, (left) => take(rest, left as Progress<Values>)[late as keyof Values]);
  return { ...progress.values, [late!]: value };
}

/** How far a plan has come; plain data, in which a tidy finds the tensors. */
interface Progress<Values> {
  values: Partial<Values>;
  /** What each exchange under way needs to be finished. */
  inFlight: Record<string, object>;
}

/** Where the steps begin that do nothing but bring a value: waiting for exchanges, and the operator that writes it. */
function endWithout<Values>(value: string, plan: Plan, byName: ReadonlyMap<string, Operator<Values>>): number {
  const brings = ({ action, operator }: Plan[number]) =>
    action === 'wait' || (action === 'run' && byName.get(operator)!.outputs.some((output) => output === value));
  return plan.findLastIndex((step) => !brings(step)) + 1;
}

function performStep<Values extends object>(
  step: Step,
  operator: Operator<Values>,
  { values, inFlight }: Progress<Values>,
  observer: PlanObserver | undefined,
): void {
  const perform = <In extends object, Out extends object>(inputs: In, compute: (inputs: In) => Out): Out =>
    tidyRecord(() => (observer ? observeStep(step, observer, inputs, compute) : compute(inputs)));
  if (!isExchange(operator)) {
    Object.assign(values, perform(declaredInputs(operator, values), operator.run));
  } else if (step.action === 'start') {
    inFlight[operator.name] = perform(declaredInputs(operator, values), operator.start);
  } else {
    Object.assign(values, perform(inFlight[operator.name]!, operator.finish));
    delete inFlight[operator.name];
  }
}

function declaredInputs<Values extends object>({ name, inputs }: Operator<Values>, values: Partial<Values>): Values {
  const missing = inputs.find((input) => values[input] === undefined);
  if (missing !== undefined) {
    throw new ArgumentError(
      `'${name}' reads '${missing}', which was not given; there are ${Object.keys(values).join(', ')}`,
    );
  }
  const read = (value: unknown): unknown => (value instanceof LateValue ? value.take() : value);
  return Object.fromEntries(inputs.map((input) => [input, read(values[input])])) as unknown as Values;
}
