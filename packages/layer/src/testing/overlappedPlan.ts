import type { PairValues } from '../pair/pairOperators.js';
import type { Operator } from '../plan/Operator.js';
import type { Plan, Step } from '../plan/Plan.js';

/** Starts both exchanges as early and waits for them as late as the slot allows: the expert runs after `slot` backbone operators. */
export function overlappedPlan(slot: number) {
  return (operators: readonly Operator<PairValues>[]): Plan => {
    const steps = (names: string[]): Step[] => names.map((operator) => ({ action: 'run', operator }));
    const names = operators.map(({ name }) => name);
    const gate = names.indexOf('gate');
    const afterTap = names.slice(gate).filter((name) => /^(mlp|attention|sharedExpert)/.test(name));
    return [
      ...steps(names.slice(0, gate)),
      ...steps(['gate', 'encode']),
      { action: 'start', operator: 'dispatch' },
      ...steps(afterTap.slice(0, slot)),
      { action: 'wait', operator: 'dispatch' },
      ...steps(['expert']),
      { action: 'start', operator: 'combine' },
      ...steps(afterTap.slice(slot)),
      { action: 'wait', operator: 'combine' },
      ...steps(['decode', 'output']),
    ];
  };
}
