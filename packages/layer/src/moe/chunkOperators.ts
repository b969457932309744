import { chunkName } from '@scmoe/scheduler';
import { splitRows } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

import { sumOfCosts } from '../cost/OperatorCost.js';
import type { ParameterRecord } from '../parameters/ParameterRecord.js';
import type { Computation, Exchange, Operator, OperatorCosting } from '../plan/Operator.js';
import { chunkRouting, type ChunkedRouting } from './chunkRouting.js';
import type { Dispatcher } from './Dispatcher.js';
import type { ExpertSource } from './ExpertSource.js';
import { runExperts, type ExpertForm, type MoeValues } from './moeOperators.js';

/** The parts in which tokens travel, and what the experts of each of them need. */
export interface ChunkOperatorsOptions {
  /** Parts of the tokens, or of the slots with a capacity. */
  chunks: number;
  /** Parts of the experts of each rank. */
  expertChunks: number;
  dispatcher: Dispatcher;
  /** The experts' stacked weights, of all that are on this rank. */
  experts: ParameterRecord;
  form: ExpertForm;
  /** Computes them in their place where they are no parameters. Not in parts of the experts. */
  source?: ExpertSource;
  /** The parts, where they were known before the layer: the dispatcher has heard of them. */
  ahead?: ChunkedRouting;
  /** Whether the gate gives the parts as the value `chunked`, and the dispatcher has heard of them. Default false. */
  chunkedByGate?: boolean | undefined;
}

/**
 * The five operators of `expertOperators` for tokens that travel in several exchanges: `encode`, then `dispatch#i`,
 * `expert#i` and `combine#i` of each part, then `decode`. A part's experts can work while others travel. Parts are those
 * of `chunkRouting`.
 *
 * Every rank has the same parts. Where a capacity has fewer slots than there are chunks, the last ones carry nothing.
 */
export function chunkOperators(
  operators: readonly Operator<MoeValues>[],
  { chunks, expertChunks, dispatcher, experts, form, source, ahead, chunkedByGate = false }: ChunkOperatorsOptions,
): Operator<MoeValues>[] {
  const numParts = chunks * expertChunks;
  if (numParts === 1) return [...operators];
  const [encode, dispatch, expert, combine, decode] = operators as [
    Computation<MoeValues>,
    Exchange<MoeValues>,
    Computation<MoeValues>,
    Exchange<MoeValues>,
    Computation<MoeValues>,
  ];
  const numbers = Array.from({ length: numParts }, (_, i) => i);
  const of = (name: string) => numbers.map((i) => chunkName(name, i));

  const encodeAll = computation({
    ...encode,
    inputs: chunkedByGate ? [...encode.inputs, 'chunked'] : encode.inputs,
    outputs: [...(chunkedByGate ? [] : ['chunked']), 'expertWeights', ...of('packed')],
    run: (values) => {
      const routing = values['routing'] as MoeValues['routing'];
      const known = ahead ?? (chunkedByGate ? (values['chunked'] as ChunkedRouting) : undefined);
      const chunked = known ?? chunkRouting(routing, { chunks, expertChunks, ranks: dispatcher.numRanks });
      if (!known) dispatcher.prepare(chunked.parts);
      const { packed } = encode.run({ ...(values as unknown as MoeValues), routing: chunked.whole });
      const pieces = chunked.cut(packed!);
      // Of parts that carry nothing there is null, for a value must be there.
      const packedParts = record('packed', numbers, (i) => pieces[i] ?? null);
      const expertWeights = weightsOfParts(experts, expertChunks);
      return { ...(!chunkedByGate && { chunked }), expertWeights, ...packedParts };
    },
  });
  const decodeAll = computation({
    ...decode,
    inputs: ['s', 'chunked', ...of('returned')],
    run: (values) => {
      const { whole, join } = values['chunked'] as ChunkedRouting;
      const pieces = of('returned').map((name) => values[name] as tf.Tensor2D | null);
      const returned = join(pieces.filter((piece) => piece !== null));
      return decode.run({ s: values['s'], returned, routing: whole } as MoeValues);
    },
  });

  const perPart = (i: number) => [
    exchange(dispatch, i, { from: 'packed', to: 'batch', cost: shareOfParts(dispatch.cost, numParts) }),
    computation({
      name: chunkName('expert', i),
      kind: 'expert',
      inputs: [chunkName('batch', i), 'expertWeights'],
      outputs: [chunkName('computed', i)],
      run: (values) => {
        const batch = values[chunkName('batch', i)] as MoeValues['batch'] | null;
        const own = (values['expertWeights'] as ParameterRecord[])[i % expertChunks]!;
        const compute = (rows: MoeValues['batch']) => (source ? source.compute(rows) : runExperts(rows, own, form));
        return { [chunkName('computed', i)]: batch && compute(batch) };
      },
      cost: shareOfParts(expert.cost, numParts),
    }),
    exchange(combine, i, { from: 'computed', to: 'returned', cost: shareOfParts(combine.cost, numParts) }),
  ];
  return [encodeAll, ...numbers.flatMap(perPart), decodeAll];
}

/** The weights of the experts of each part. Their gradients come together in one piece, each computed once for a chunk. */
export function weightsOfParts(experts: ParameterRecord, parts: number): ParameterRecord[] {
  if (parts === 1) return [experts];
  const split = Object.entries(experts).map(([name, stacked]) => [name, splitRows(stacked, parts)] as const);
  return Array.from({ length: parts }, (_, part) =>
    Object.fromEntries(split.map(([name, pieces]) => [name, pieces[part]!])),
  );
}

/** An even share of what the whole costs. The weights of the experts are counted once, whoever reads them first. */
export function shareOfParts(cost: OperatorCosting | undefined, parts: number): OperatorCosting | undefined {
  return (
    cost &&
    ((of) => {
      const whole = Object.entries(sumOfCosts(cost(of)));
      return [Object.fromEntries(whole.map(([name, value]) => [name, value / parts]))];
    })
  );
}

type Values = Readonly<Record<string, unknown>>;

function computation(description: {
  name: string;
  kind: Operator<MoeValues>['kind'];
  inputs: readonly string[];
  outputs: readonly string[];
  run: (values: Values) => object;
  cost?: OperatorCosting;
}): Operator<MoeValues> {
  return description as unknown as Operator<MoeValues>;
}

/** One chunk's way out or back: the whole exchange, for the chunk's rows and with its routing. */
function exchange(
  { kind, start, finish }: Exchange<MoeValues>,
  i: number,
  { from, to, cost }: { from: 'packed' | 'computed'; to: 'batch' | 'returned'; cost?: OperatorCosting },
): Operator<MoeValues> {
  return {
    name: chunkName(kind, i),
    kind,
    inputs: [chunkName(from, i), 'chunked'],
    outputs: [chunkName(to, i)],
    cost,
    start: (values: Values) => {
      const routing = (values['chunked'] as ChunkedRouting).parts[i];
      if (!routing) return {};
      return { inFlight: start({ [from]: values[chunkName(from, i)], routing } as unknown as MoeValues) };
    },
    finish: ({ inFlight }: { inFlight?: object }) => ({ [chunkName(to, i)]: inFlight ? finish(inFlight)[to] : null }),
  } as unknown as Operator<MoeValues>;
}

function record<T>(name: string, numbers: readonly number[], valueOf: (i: number) => T): Record<string, T> {
  return Object.fromEntries(numbers.map((i) => [chunkName(name, i), valueOf(i)]));
}
