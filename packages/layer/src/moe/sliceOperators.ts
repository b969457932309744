import * as tf from '@tensorflow/tfjs';

import type { Computation, Operator } from '../plan/Operator.js';
import { relabel } from '../plan/relabel.js';
import type { TensorGroup } from '../tensorParallel/TensorGroup.js';
import type { Dispatcher } from './Dispatcher.js';
import type { MoeValues } from './moeOperators.js';
import { routingOfRows } from './routingOfRows.js';

/** What the operators of experts read and write beside their own, where ranks with the same tokens share them out. */
export interface SliceValues extends MoeValues {
  /** The tokens that this rank of a tensor-parallel group hands over, (T', d), and their routing. */
  ownTokens: MoeValues['s'];
  ownRouting: MoeValues['routing'];
}

/**
 * The tensor-parallel group whose ranks hand over a share each of the tokens that all have; undefined where there is none, or all
 * hand over all.
 */
export function tokenSlices({ takesAllTokens }: Dispatcher, tensor: TensorGroup | undefined): TensorGroup | undefined {
  return !tensor || tensor.size === 1 || takesAllTokens ? undefined : tensor;
}

/** What a gate reads and says, by name: the tokens and where they go, of all and of this rank's share. */
export interface GateNames<Name extends string> {
  tokens: Name;
  routing: Name;
  ownTokens: Name;
  ownRouting: Name;
}

/** The gate, which routes all tokens on every rank alike, and takes this rank's share of them. */
export function gateOfSlice<Values extends SliceValues>(
  gate: Computation<Values>,
  group: TensorGroup,
  names: GateNames<keyof Values & string>,
): Computation<Values> {
  return {
    ...gate,
    outputs: [...gate.outputs, names.ownTokens, names.ownRouting],
    run: (inputs) => {
      const values = gate.run(inputs);
      const all = { ...inputs, ...values };
      const s = all[names.tokens] as SliceValues['s'];
      const routing = all[names.routing] as SliceValues['routing'];
      const tokens: tf.Tensor2D = tf.reshape(s, [-1, s.shape.at(-1)!]);
      const ownRouting = routingOfRows(routing, (rows) => group.ownRows(rows));
      return { ...values, [names.ownTokens]: group.ownRows(tokens), [names.ownRouting]: ownRouting };
    },
  };
}

/** The operators of the experts, encode to decode, for this rank's share of the tokens; what comes of all shares is gathered. */
export function operatorsOfSlice<Values extends SliceValues>(
  operators: readonly Operator<Values>[],
  group: TensorGroup,
): Operator<Values>[] {
  const names = { s: 'ownTokens', routing: 'ownRouting' } as const;
  const own = relabel(operators as unknown as readonly Operator<SliceValues>[], { suffix: '', values: names });
  const decode = own.at(-1) as Computation<SliceValues>;
  const gather: Computation<SliceValues> = {
    ...decode,
    inputs: [...decode.inputs, 's'],
    run: (values) => {
      const { routed } = decode.run(values) as Pick<SliceValues, 'routed'>;
      const { shape } = values.s;
      const numTokens = shape.slice(0, -1).reduce((product, extent) => product * extent, 1);
      return { routed: tf.reshape(group.gatherRows(routed, numTokens), shape) };
    },
  };
  return [...own.slice(0, -1), gather] as unknown as Operator<Values>[];
}
