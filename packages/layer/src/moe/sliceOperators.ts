import { expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import type { ResolvedExperts } from '../config/MoeConfig.js';
import type { Computation, Operator } from '../plan/Operator.js';
import { relabel } from '../plan/relabel.js';
import type { TensorGroup } from '../tensorParallel/TensorGroup.js';
import type { Dispatcher } from './Dispatcher.js';
import type { MoeContext, SublayerValues } from './moeSublayer.js';
import { routingOfRows } from './routingOfRows.js';

/**
 * The tensor-parallel group whose ranks hand over a share each of the tokens that all have; undefined where there is none, or all
 * hand over all.
 *
 * @throws ArgumentError for experts whose tokens can't be shared out
 */
export function tokenSlices(
  { dual, routedAhead }: Pick<ResolvedExperts, 'dual' | 'routedAhead'>,
  { takesAllTokens }: Dispatcher,
  { tensor }: Pick<MoeContext, 'tensor'>,
): TensorGroup | undefined {
  if (!tensor || tensor.size === 1 || takesAllTokens) return undefined;
  const needed = 'a dispatcher that takes all tokens of a tensor-parallel group';
  expectThat(!dual, 'dispatcher', `${needed} for DGMoE`, 'one that takes shares of them');
  expectThat(!routedAhead, 'dispatcher', `${needed} for a router ahead`, 'one that takes shares of them');
  return tensor;
}

/** The gate, which routes all tokens on every rank alike, and takes this rank's share of them. */
export function gateOfSlice(gate: Computation<SublayerValues>, group: TensorGroup): Computation<SublayerValues> {
  return {
    ...gate,
    outputs: [...gate.outputs, 'ownTokens', 'ownRouting'],
    run: (inputs) => {
      const values = gate.run(inputs);
      const { s, routing } = values as Pick<SublayerValues, 's' | 'routing'>;
      const tokens: tf.Tensor2D = tf.reshape(s, [-1, s.shape.at(-1)!]);
      const ownRouting = routingOfRows(routing, (rows) => group.ownRows(rows));
      return { ...values, ownTokens: group.ownRows(tokens), ownRouting };
    },
  };
}

/** The operators of the experts, encode to decode, for this rank's share of the tokens; what comes of all shares is gathered. */
export function operatorsOfSlice(
  operators: readonly Operator<SublayerValues>[],
  group: TensorGroup,
): Operator<SublayerValues>[] {
  const own = relabel(operators, { suffix: '', values: { s: 'ownTokens', routing: 'ownRouting' } });
  const decode = own.at(-1) as Computation<SublayerValues>;
  const gather: Computation<SublayerValues> = {
    ...decode,
    inputs: [...decode.inputs, 's'],
    run: (values) => {
      const { routed } = decode.run(values) as Pick<SublayerValues, 'routed'>;
      const { shape } = values.s;
      const numTokens = shape.slice(0, -1).reduce((product, extent) => product * extent, 1);
      return { routed: tf.reshape(group.gatherRows(routed, numTokens), shape) };
    },
  };
  return [...own.slice(0, -1), gather];
}
