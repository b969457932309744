import type { Routing } from '@scmoe/gating';
import { halfName } from '@scmoe/scheduler';
import * as tf from '@tensorflow/tfjs';

import { chunkRouting, type ChunkedRouting } from '../moe/chunkRouting.js';
import type { Dispatcher } from '../moe/Dispatcher.js';
import { LocalDispatcher } from '../moe/LocalDispatcher.js';
import type { MoeContext } from '../moe/moeSublayer.js';
import type { Operator } from '../plan/Operator.js';
import { runOperators, type RunOptions } from '../plan/runOperators.js';
import { tidyRecord } from '../plan/tidyRecord.js';
import type { ResidualDropout } from '../sublayers/residualDropout.js';
import { joinRoutings } from './halfRoutings.js';
import { halvesOf, joinHalves, takePart, type PartOfBatch } from './Halves.js';
import type { SplitAxis } from './SplitAxis.js';
import { splitOperators } from './splitOperators.js';

/** What a stage's pass depends on, as far as halves differ in it. */
interface StageContext extends MoeContext {
  dropout?: ResidualDropout;
  past?: object;
}

/** A stage that runs on two halves. */
export interface SplitStage<Context, Values, Cache> {
  axis: SplitAxis;
  /** Whether one gate sees both halves. */
  jointGate: boolean;
  operators: (context: Context) => Operator<Values>[];
  cacheOf: (values: Partial<Values>) => Cache;
  context: Context;
}

/** What comes of both halves, put together. */
export type SplitResult<Cache> = { y: tf.Tensor3D; routing: Routing; cache?: Cache };

/**
 * One pass of x (B, S, d) through a stage on two halves: the outputs, the routing and the caches are those of the whole.
 * Random numbers are those that a token has in the whole, and so is what a capacity drops.
 */
export function runSplit<Context extends StageContext, Values extends object, Cache extends object>(
  x: tf.Tensor3D,
  { axis, jointGate, operators, cacheOf, context }: SplitStage<Context, Values, Cache>,
  { keepCache, ...options }: RunOptions<Values> & { keepCache: boolean },
): SplitResult<Cache> {
  return tidyRecord(() => {
    const halves = halvesOf(axis, x.shape);
    const { chunks = 1, expertChunks = 1 } = context;
    const dispatcher: Dispatcher = context.dispatcher ?? new LocalDispatcher();
    const isChunked = chunks * expertChunks > 1;
    const chunkedByGate = jointGate && isChunked;
    const split = splitOperators<Values>({
      halves,
      operatorsOf: (half, keyValues) => {
        const past = keyValues && cacheOf(keyValues);
        return operators({ ...contextOf(context, halves[half]!), chunkedByGate, ...(past && { past }) });
      },
      ...(jointGate && {
        gate: operators(context).find(({ kind }) => kind === 'gate')!,
        // Else the second half would have to wait for what the first has sent before it could tell how much it sends.
        ...(isChunked
          ? { cut: (routings) => cutRoutings(routings, { chunks, expertChunks, dispatcher }) }
          : { prepare: (routings) => dispatcher.prepare(routings) }),
      }),
    });
    const initial = Object.fromEntries(halves.map((half, h) => [halfName('x', h), takePart(x, half)]));
    return runOperators(split, initial as Partial<Values>, options, (produced) => {
      const values = produced as Readonly<Record<string, unknown>>;
      const of = <Value>(name: string) => [0, 1].map((half) => values[halfName(name, half)] as Value);
      return {
        y: joinHalves(of<tf.Tensor3D>('y'), axis),
        routing: (values['routing'] as Routing | undefined) ?? joinRoutings(of<Routing>('routing'), halves),
        ...(keepCache && { cache: joinedCache(axis, values, cacheOf) }),
      };
    });
  });
}

/** The parts of all routings, of which the ranks hear in one exchange of counts. */
function cutRoutings(
  routings: readonly Routing[],
  { chunks, expertChunks, dispatcher }: { chunks: number; expertChunks: number; dispatcher: Dispatcher },
): readonly ChunkedRouting[] {
  const chunked = routings.map((routing) =>
    chunkRouting(routing, { chunks, expertChunks, ranks: dispatcher.numRanks }),
  );
  dispatcher.prepare(chunked.flatMap(({ parts }) => parts));
  return chunked;
}

function contextOf<Context extends StageContext>(context: Context, half: PartOfBatch): Context {
  const { mask, dropout } = context;
  return {
    ...context,
    ...(mask && { mask: takePart(mask, half) }),
    ...(dropout && { dropout: { ...dropout, part: half } }),
    dropless: true,
  };
}

/** What the attentions know of all tokens: where sequences are cut, those of the second half do. */
function joinedCache<Values, Cache extends object>(
  axis: SplitAxis,
  values: Readonly<Record<string, unknown>>,
  cacheOf: (values: Partial<Values>) => Cache,
): Cache {
  const [first, second] = [0, 1].map((half) => {
    const own = Object.entries(values).flatMap(([name, value]): [string, unknown][] =>
      name.endsWith(halfName('', half)) ? [[name.slice(0, -halfName('', half).length), value]] : [],
    );
    return cacheOf(Object.fromEntries(own) as Partial<Values>);
  }) as [Cache, Cache];
  return axis === 'sequence' ? second : (joined(first, second) as Cache);
}

/** Two records of records of tensors (B', ...) as one. */
function joined(first: object, second: object): object {
  if (first instanceof tf.Tensor) return joinHalves([first, second as tf.Tensor], 'batch');
  const others = second as Readonly<Record<string, object>>;
  return Object.fromEntries(
    Object.entries(first).map(([name, value]) => [name, joined(value as object, others[name]!)]),
  );
}
