import { ArgumentError } from '@scmoe/errors';

import { OperatorGraph } from './OperatorGraph.js';
import type { OperatorKind, OperatorNode } from './OperatorNode.js';

/** An operator that says which named values it reads and writes. The operators of `@scmoe/layer` are of this shape. */
export interface ValueOperator {
  readonly name: string;
  readonly kind: OperatorKind;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/**
 * The graph of operators that hand named values to each other: an operator comes after those that write what it reads.
 * Values that none of them writes are there from the start.
 *
 * @throws ArgumentError where two operators write the same value, and as the constructor of OperatorGraph
 */
export function graphOf(operators: readonly ValueOperator[]): OperatorGraph {
  return new OperatorGraph(operatorNodes(operators));
}

/** The same operators as nodes, in the order given. @throws ArgumentError where two operators write the same value */
export function operatorNodes(operators: readonly ValueOperator[]): readonly OperatorNode[] {
  const writer = new Map<string, string>();
  for (const { name, outputs } of operators) {
    for (const value of outputs) {
      const other = writer.get(value);
      if (other !== undefined) throw new ArgumentError(`'${other}' and '${name}' both write the value '${value}'`);
      writer.set(value, name);
    }
  }
  return operators.map(({ name, kind, inputs }) => ({
    name,
    kind,
    after: [...new Set(inputs.map((value) => writer.get(value)))].filter((earlier) => earlier !== undefined),
  }));
}
