import type { Plan, Step } from '@scmoe/scheduler';
import { isExchange, type Operator } from '../plan/Operator.js';

/**
 * Starts the exchanges of the tapped activation as early and waits for them as late as the slot allows: the expert runs
 * after `slot` of the other operators that follow the tap.
 */
export function overlappedPlan(slot: number) {
  return <Values>(operators: readonly Operator<Values>[]): Plan => {
    const names = operators.map(({ name }) => name);
    const suffix = names.includes('gate1') ? '1' : '';
    const first = names.indexOf(`gate${suffix}`);
    const own = ['gate', 'encode', 'dispatch', 'expert', 'combine', 'decode'].map((kind) => kind + suffix);
    const beside = names.slice(first).filter((name) => !own.includes(name) && name !== 'output');
    const [gate, encode, dispatch, expert, combine, decode] = own as [string, string, string, string, string, string];
    const start = (operator: string): Step => ({ action: 'start', operator });
    const wait = (operator: string): Step => ({ action: 'wait', operator });
    const run = (list: string[]): Step[] =>
      list.flatMap((operator): Step[] => {
        const travels = isExchange(operators[names.indexOf(operator)]!);
        return travels ? [start(operator), wait(operator)] : [{ action: 'run', operator }];
      });
    return [
      ...run([...names.slice(0, first), gate, encode]),
      start(dispatch),
      ...run(beside.slice(0, slot)),
      wait(dispatch),
      ...run([expert]),
      start(combine),
      ...run(beside.slice(slot)),
      wait(combine),
      ...run([decode, 'output']),
    ];
  };
}
