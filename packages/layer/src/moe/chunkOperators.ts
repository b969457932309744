import { chunkName } from '@scmoe/scheduler';
import type * as tf from '@tensorflow/tfjs';

import { sumOfCosts } from '../cost/OperatorCost.js';
import type { Computation, Exchange, Operator, OperatorCosting } from '../plan/Operator.js';
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
  const of = (name: string) => numbers.map((i) => chunkName(name, i));

  const encodeAll = computation({
    ...encode,
    outputs: ['chunked', ...of('packed')],
    run: (values) => {
      const chunked = chunkRouting(values['routing'] as MoeValues['routing'], chunks);
      const { packed } = encode.run({ ...(values as unknown as MoeValues), routing: chunked.whole });
      const pieces = chunked.cut(packed!);
      // Of chunks that carry nothing there is null, for a value must be there.
      return { chunked, ...record('packed', numbers, (i) => pieces[i] ?? null) };
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

  const perChunk = (i: number) => [
    exchange(dispatch, i, { from: 'packed', to: 'batch', cost: share(dispatch.cost, chunks) }),
    computation({
      name: chunkName('expert', i),
      kind: 'expert',
      inputs: [chunkName('batch', i)],
      outputs: [chunkName('computed', i)],
      run: (values) => {
        const batch = values[chunkName('batch', i)] as MoeValues['batch'] | null;
        return { [chunkName('computed', i)]: batch && expert.run({ batch } as MoeValues).computed };
      },
      cost: share(expert.cost, chunks),
    }),
    exchange(combine, i, { from: 'computed', to: 'returned', cost: share(combine.cost, chunks) }),
  ];
  return [encodeAll, ...numbers.flatMap(perChunk), decodeAll];
}

/** An even share of what the whole costs. The weights of the experts are counted once, whoever reads them first. */
function share(cost: OperatorCosting | undefined, chunks: number): OperatorCosting | undefined {
  return (
    cost &&
    ((of) => {
      const whole = Object.entries(sumOfCosts(cost(of)));
      return [Object.fromEntries(whole.map(([name, value]) => [name, value / chunks]))];
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
