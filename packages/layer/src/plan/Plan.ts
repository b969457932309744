import { isExchange, type Operator } from './Operator.js';

/** One step of a plan: a computation runs; an exchange starts and is waited for. */
export interface Step {
  readonly action: 'run' | 'start' | 'wait';
  readonly operator: string;
}

/**
 * The order in which the operators of a layer execute. Pure data: the order of the collectives is a property of the
 * plan, so that ranks which follow one plan issue the same collectives in the same order, whatever their timing.
 */
export type Plan = readonly Step[];

/** Every operator after the other in the given order, each exchange waited for at once: the reference of all plans. */
export function sequentialPlan<Values>(operators: readonly Operator<Values>[]): Plan {
  return operators.flatMap((operator): Step[] =>
    isExchange(operator)
      ? [
          { action: 'start', operator: operator.name },
          { action: 'wait', operator: operator.name },
        ]
      : [{ action: 'run', operator: operator.name }],
  );
}
