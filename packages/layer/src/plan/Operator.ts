import type { OperatorKind } from '@scmoe/scheduler';

import type { CostContext } from '../cost/CostContext.js';
import type { OperatorCost } from '../cost/OperatorCost.js';

interface Described<Values> {
  /** Unique within its list: the kind, numbered where a pair has two of them (`attention1`, `attention2`). */
  readonly name: string;
  readonly kind: OperatorKind;
  readonly inputs: readonly (keyof Values & string)[];
  readonly outputs: readonly (keyof Values & string)[];
  /** The kernels that it runs and the bytes that it sends; without one there is nothing that counts. */
  readonly cost?: OperatorCosting;
}

/** What an operator costs for so much work: the parts of a sum. */
export type OperatorCosting = (of: CostContext) => readonly Partial<OperatorCost>[];

/** An operator that computes on this rank, start to end. */
export interface Computation<Values> extends Described<Values> {
  /** Its outputs from its inputs. */
  readonly run: (inputs: Values) => Partial<Values>;
  /** The same, with no more kept for the gradient than the inputs; by default whoever wants that computes `run` twice. */
  readonly runLean?: (inputs: Values) => Partial<Values>;
}

/** An operator that travels between ranks: started, and waited for later, with other operators in between. */
export interface Exchange<Values> extends Described<Values> {
  /** Sends what it takes from its inputs; returns at once what `finish` will need. */
  readonly start: (inputs: Values) => object;
  /** Waits, and gives its outputs. */
  readonly finish: (inFlight: object) => Partial<Values>;
}

/** A step of the layer: what a plan puts in order. */
export type Operator<Values> = Computation<Values> | Exchange<Values>;

/** Whether an operator travels between ranks. */
export function isExchange<Values>(operator: Operator<Values>): operator is Exchange<Values> {
  return 'start' in operator;
}

/**
 * Makers of the operators over `Values`: each operator's functions see exactly the values that it declares and must
 * return exactly those, checked by the compiler.
 */
export function operatorsOver<Values>() {
  type Name = keyof Values & string;
  return {
    /** Makes an operator that computes on this rank. */
    computation: <In extends Name, Out extends Name>(description: {
      name?: string;
      kind: OperatorKind;
      inputs: readonly In[];
      outputs: readonly Out[];
      run: (inputs: Pick<Values, In>) => Pick<Values, Out>;
      cost?: OperatorCosting;
    }) => ({ name: description.kind, ...description }) as unknown as Computation<Values>,

    /** Makes an operator that travels between ranks. */
    exchange: <In extends Name, Out extends Name, InFlight extends object>(description: {
      name?: string;
      kind: 'dispatch' | 'combine';
      inputs: readonly In[];
      outputs: readonly Out[];
      start: (inputs: Pick<Values, In>) => InFlight;
      finish: (inFlight: InFlight) => Pick<Values, Out>;
      cost?: OperatorCosting;
    }) => ({ name: description.kind, ...description }) as unknown as Exchange<Values>,
  };
}
