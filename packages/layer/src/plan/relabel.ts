import { isExchange, type Operator } from './Operator.js';

/**
 * The same operators once more: `suffix` behind their names, reading and writing other values where `values` says so.
 * Their kinds stay. For what a layer does twice.
 */
export function relabel<Values extends object>(
  operators: readonly Operator<Values>[],
  { suffix, values = {} }: { suffix: string; values?: Partial<Record<keyof Values & string, keyof Values & string>> },
): Operator<Values>[] {
  const renamed = (name: keyof Values & string) => values[name] ?? name;
  const entries = (record: object) => Object.entries(record) as [keyof Values & string, unknown][];
  const outside = (record: object) =>
    Object.fromEntries(entries(record).map(([name, value]) => [renamed(name), value])) as Partial<Values>;
  return operators.map((operator) => {
    const inside = (record: Values) =>
      Object.fromEntries(operator.inputs.map((name) => [name, record[renamed(name)]])) as unknown as Values;
    const description = {
      ...operator,
      name: operator.name + suffix,
      inputs: operator.inputs.map(renamed),
      outputs: operator.outputs.map(renamed),
    };
    return isExchange(operator)
      ? {
          ...description,
          start: (inputs: Values) => operator.start(inside(inputs)),
          finish: (inFlight: object) => outside(operator.finish(inFlight)),
        }
      : {
          ...description,
          run: (inputs: Values) => outside(operator.run(inside(inputs))),
          ...(operator.runLean && { runLean: (inputs: Values) => outside(operator.runLean!(inside(inputs))) }),
        };
  });
}
