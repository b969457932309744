import { chunkName } from '@scmoe/scheduler';
import { groupedFfnForward, withoutRecording } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

import type { ParameterRecord } from '../parameters/ParameterRecord.js';
import type { Computation, Exchange, Operator } from '../plan/Operator.js';
import { tidyRecord } from '../plan/tidyRecord.js';
import type { PlanObserver } from '../plan/PlanObserver.js';
import { BackwardParts, type KeptPart } from './BackwardParts.js';
import { shareOfParts, weightsOfParts, type ChunkOperatorsOptions } from './chunkOperators.js';
import { chunkRouting, type ChunkedRouting } from './chunkRouting.js';
import { expertWeights, type MoeValues } from './moeOperators.js';

/** The parts of both passes. */
export interface ApartOptions extends Pick<
  ChunkOperatorsOptions,
  'chunks' | 'expertChunks' | 'dispatcher' | 'experts' | 'form'
> {
  backward: { chunks: number; expertChunks: number; order?: readonly number[] | undefined };
  observer?: PlanObserver | undefined;
}

type Values = Readonly<Record<string, unknown>>;

/**
 * The operators of `chunkOperators` for tokens that travel in other parts backward than forward: what the tape has of them are the
 * nodes of `BackwardParts`, and the values are computed beside it. Rows, and what comes of them, are the same in any parts; a
 * weight's gradient is a sum over the chunks of the tokens of the backward pass.
 */
export function apartOperators(
  operators: readonly Operator<MoeValues>[],
  { chunks, expertChunks, backward, dispatcher, experts, form, observer }: ApartOptions,
): Operator<MoeValues>[] {
  const [encode, dispatch, expert, combine, decode] = operators as [
    Computation<MoeValues>,
    Exchange<MoeValues>,
    Computation<MoeValues>,
    Exchange<MoeValues>,
    Computation<MoeValues>,
  ];
  const numParts = chunks * expertChunks;
  const numbers = Array.from({ length: numParts }, (_, i) => i);
  const nameOf = (name: string, i: number) => (numParts === 1 ? name : chunkName(name, i));
  const all = (name: string) => numbers.map((i) => nameOf(name, i));

  const encodeAll = {
    ...encode,
    outputs: ['chunked', 'backwardParts', 'ticket', 'expertWeights', 'backwardWeights', ...all('packed')],
    run: (values: Values) => {
      const routing = values['routing'] as MoeValues['routing'];
      const cut = (into: { chunks: number; expertChunks: number }) =>
        chunkRouting(routing, { ...into, ranks: dispatcher.numRanks });
      const [chunked, back] = [cut({ chunks, expertChunks }), cut(backward)];
      dispatcher.prepare([...chunked.parts, ...back.parts]);
      const backwardParts = new BackwardParts({
        ...{ forward: chunked, backward: back, order: backward.order, dispatcher, form, observer },
        expertChunks: { forward: expertChunks, backward: backward.expertChunks },
      });
      const packed = encode.run({ ...(values as unknown as MoeValues), routing: chunked.whole }).packed!;
      const ticket = backwardParts.dispatched(packed);
      const pieces = withoutRecording(() => chunked.cut(packed));
      return {
        ...{ chunked, backwardParts, ticket },
        // The tensors of the backward pass's routings have to outlive this operator.
        backwardWeights: { routings: back.parts, weights: weightsOfParts(experts, backward.expertChunks) },
        expertWeights: withoutRecording(() => weightsOfParts(experts, expertChunks)),
        ...Object.fromEntries(numbers.map((i) => [nameOf('packed', i), pieces[i] ?? null])),
      };
    },
  };

  const exchange = (of: Exchange<MoeValues>, i: number, { from, to }: { from: string; to: 'batch' | 'returned' }) => ({
    ...of,
    name: nameOf(of.kind, i),
    inputs: [nameOf(from, i), 'chunked'],
    outputs: [nameOf(to, i)],
    cost: shareOfParts(of.cost, numParts),
    start: (values: Values) => {
      const routing = (values['chunked'] as ChunkedRouting).parts[i];
      if (!routing) return {};
      const given = { [from]: values[nameOf(from, i)], routing } as unknown as MoeValues;
      return { inFlight: withoutRecording(() => of.start(given)) };
    },
    finish: ({ inFlight }: { inFlight?: object }) => ({
      [nameOf(to, i)]: inFlight ? withoutRecording(() => of.finish(inFlight))[to] : null,
    }),
  });

  const expertOf = (i: number) => {
    const run =
      ({ keepsHidden }: { keepsHidden: boolean }) =>
      (values: Values) => {
        const batch = values[nameOf('batch', i)] as MoeValues['batch'] | null;
        const own = (values['expertWeights'] as ParameterRecord[])[i % expertChunks]!;
        const parts = values['backwardParts'] as BackwardParts;
        let computed: tf.Tensor2D | null = null;
        let kept: KeptPart | undefined;
        if (batch) {
          const { y, hidden } = withoutRecording(() =>
            tidyRecord(() =>
              groupedFfnForward({ ...batch, experts: expertWeights(own, form) }, { ...form, capacity: batch.capacity }),
            ),
          );
          computed = y;
          kept = { rows: batch.rows, hidden: keepsHidden ? hidden : [] };
        }
        const { weights } = values['backwardWeights'] as { weights: ParameterRecord[] };
        const isLast = parts.took(i, kept);
        const ticket = isLast ? parts.computed(values['ticket'] as tf.Tensor1D, weights) : null;
        return { [nameOf('computed', i)]: computed, [nameOf('done', i)]: ticket };
      };
    return {
      ...expert,
      name: nameOf('expert', i),
      inputs: [nameOf('batch', i), 'expertWeights', 'backwardParts', 'ticket', 'backwardWeights'],
      outputs: [nameOf('computed', i), nameOf('done', i)],
      cost: shareOfParts(expert.cost, numParts),
      run: run({ keepsHidden: true }),
      runLean: run({ keepsHidden: false }),
    };
  };

  const decodeAll = {
    ...decode,
    inputs: ['s', 'chunked', 'backwardParts', ...all('done'), ...all('returned')],
    run: (values: Values) => {
      const { whole, join } = values['chunked'] as ChunkedRouting;
      const pieces = all('returned').map((name) => values[name] as tf.Tensor2D | null);
      const joined = withoutRecording(() => join(pieces.filter((piece) => piece !== null)));
      const ticket = all('done').map((name) => values[name] as tf.Tensor1D | null);
      const last = ticket.find((done) => done !== null)!;
      const returned = (values['backwardParts'] as BackwardParts).combined(last, joined);
      return decode.run({ s: values['s'], returned, routing: whole } as MoeValues);
    },
  };
  const perPart = (i: number) => [
    exchange(dispatch, i, { from: 'packed', to: 'batch' }),
    expertOf(i),
    exchange(combine, i, { from: 'computed', to: 'returned' }),
  ];
  return [encodeAll, ...numbers.flatMap(perPart), decodeAll] as unknown as Operator<MoeValues>[];
}
