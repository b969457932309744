import type * as tf from '@tensorflow/tfjs';

import type { Computation, Exchange, Operator } from '../plan/Operator.js';
import { chunkRouting, type ChunkedRouting } from './chunkRouting.js';
import type { MoeValues } from './moeOperators.js';

/**
 * The five operators of `expertOperators` for tokens that travel in several exchanges: `encode`, then `dispatch#i`,
 * `expert#i` and `combine#i` of each chunk, then `decode`. A chunk's expert can work while others travel.
 *
 * Every rank has the same chunks. Where a capacity has fewer slots than there are chunks, the last ones carry nothing.
 */
export function chunkOperators(operators: readonly Operator<MoeValues>[], chunks: number): Operator<MoeValues>[] {
  if (chunks === 1) return [...operators];
  const [encode, dispatch, expert, combine, decode] = operators as [
    Computation<MoeValues>,
    Exchange<MoeValues>,
    Computation<MoeValues>,
    Exchange<MoeValues>,
    Computation<MoeValues>,
  ];
  const numbers = Array.from({ length: chunks }, (_, i) => i);
  const of = (name: string) => numbers.map((i) => `${name}#${i}`);

  const encodeAll = computation('encode', 'encode', [...encode.inputs], ['chunked', ...of('packed')], (values) => {
    const chunked = chunkRouting(values['routing'] as MoeValues['routing'], chunks);
    const { packed } = encode.run({ ...(values as unknown as MoeValues), routing: chunked.whole });
    const pieces = chunked.cut(packed!);
    // Of chunks that carry nothing there is null, for a value must be there.
    return { chunked, ...record('packed', numbers, (i) => pieces[i] ?? null) };
  });
  const decodeAll = computation('decode', 'decode', ['s', 'chunked', ...of('returned')], ['routed'], (values) => {
    const { whole, join } = values['chunked'] as ChunkedRouting;
    const pieces = of('returned').map((name) => values[name] as tf.Tensor2D | null);
    const returned = join(pieces.filter((piece) => piece !== null));
    return decode.run({ s: values['s'], returned, routing: whole } as MoeValues);
  });

  const perChunk = (i: number) => [
    exchange(dispatch, i, { from: 'packed', to: 'batch' }),
    computation(`expert#${i}`, 'expert', [`batch#${i}`], [`computed#${i}`], (values) => {
      const batch = values[`batch#${i}`] as MoeValues['batch'] | null;
      return { [`computed#${i}`]: batch && expert.run({ batch } as MoeValues).computed };
    }),
    exchange(combine, i, { from: 'computed', to: 'returned' }),
  ];
  return [encodeAll, ...numbers.flatMap(perChunk), decodeAll];
}

type Values = Readonly<Record<string, unknown>>;

function computation(
  name: string,
  kind: Operator<MoeValues>['kind'],
  inputs: readonly string[],
  outputs: readonly string[],
  run: (values: Values) => object,
): Operator<MoeValues> {
  return { name, kind, inputs, outputs, run } as unknown as Operator<MoeValues>;
}

/** One chunk's way out or back: the whole exchange, for the chunk's rows and with its routing. */
function exchange(
  { kind, start, finish }: Exchange<MoeValues>,
  i: number,
  { from, to }: { from: 'packed' | 'computed'; to: 'batch' | 'returned' },
): Operator<MoeValues> {
  return {
    name: `${kind}#${i}`,
    kind,
    inputs: [`${from}#${i}`, 'chunked'],
    outputs: [`${to}#${i}`],
    start: (values: Values) => {
      const routing = (values['chunked'] as ChunkedRouting).parts[i];
      if (!routing) return {};
      return { inFlight: start({ [from]: values[`${from}#${i}`], routing } as unknown as MoeValues) };
    },
    finish: ({ inFlight }: { inFlight?: object }) => ({ [`${to}#${i}`]: inFlight ? finish(inFlight)[to] : null }),
  } as unknown as Operator<MoeValues>;
}

function record<T>(name: string, numbers: readonly number[], valueOf: (i: number) => T): Record<string, T> {
  return Object.fromEntries(numbers.map((i) => [`${name}#${i}`, valueOf(i)]));
}
