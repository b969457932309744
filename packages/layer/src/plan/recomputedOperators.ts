import type { OperatorKind } from '@scmoe/scheduler';
import { attentionKernels, recomputed } from '@scmoe/tensor';

import { isExchange, type Operator } from './Operator.js';

/** What holds much more inside than it takes and gives. */
const worthwhile: ReadonlySet<OperatorKind> = new Set(['attention', 'mlp', 'sharedExpert', 'expert']);

/**
 * The same operators, of which those that compute much keep their inputs alone for the backward pass, and the results of
 * attention: everything between is computed once more. What passes between operators is kept, so that nothing travels twice.
 */
export function recomputedOperators<Values>(operators: readonly Operator<Values>[]): Operator<Values>[] {
  return operators.map((operator) => {
    if (isExchange(operator) || !worthwhile.has(operator.kind)) return operator;
    if (operator.runLean) return { ...operator, run: operator.runLean };
    const run = (inputs: Values) => recomputed(inputs as object, operator.run as (inputs: object) => object, options);
    return { ...operator, run };
  });
}

const options = { keep: attentionKernels };
