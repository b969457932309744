import type { Routing } from '@scmoe/gating';
import { halfName } from '@scmoe/scheduler';
import type * as tf from '@tensorflow/tfjs';

import type { ChunkedRouting } from '../moe/chunkRouting.js';
import { isExchange, type Operator } from '../plan/Operator.js';
import { routingOfHalf } from './halfRoutings.js';
import { joinHalves, takePart, type PartOfBatch } from './Halves.js';

/** What the halves of a stage are made of. */
export interface SplitOperatorsOptions<Values> {
  /** The operators of the stage for a half. With `keyValues` its attentions continue what the first half has left. */
  operatorsOf: (half: number, keyValues?: Partial<Values>) => Operator<Values>[];
  halves: readonly PartOfBatch[];
  /** The gate of the whole, where one sees both halves. */
  gate?: Operator<Values>;
  /** Hears of the routings that such a gate makes, one for each half, where they travel in one part. */
  prepare?: (routings: readonly Routing[]) => void;
  /** The same where they travel in several: what each half's are. */
  cut?: (routings: readonly Routing[]) => readonly ChunkedRouting[];
}

/**
 * The operators of a stage once for each half, `expert@0` and `expert@1`, which read and write values of their own. Where
 * sequences are cut, an attention of half 1 reads keys and values of half 0 as well.
 */
export function splitOperators<Values extends object>({
  operatorsOf,
  halves,
  gate,
  prepare,
  cut,
}: SplitOperatorsOptions<Values>): Operator<Values>[] {
  const isCutSequence = halves[0]!.axis === 'sequence';
  const both = [0, 1].map((half) =>
    operatorsOf(half).map((operator) =>
      isCutSequence && half === 1 && operator.kind === 'attention'
        ? continued(operator, operatorsOf)
        : ofHalf(operator, half),
    ),
  );
  return both[0]!.flatMap((first, i) =>
    gate && first.kind === 'gate' ? [jointGate(gate, halves, { prepare, cut })] : [first, both[1]![i]!],
  );
}

type AnyRecord = Readonly<Record<string, unknown>>;

/** The same operator of a half, over values of that half. */
function ofHalf<Values>(operator: Operator<Values>, half: number): Operator<Values> {
  const inside = (values: AnyRecord) =>
    Object.fromEntries(operator.inputs.map((name) => [name, values[halfName(name, half)]])) as unknown as Values;
  const outside = (values: object) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [halfName(name, half), value]));
  return {
    ...operator,
    name: halfName(operator.name, half),
    inputs: operator.inputs.map((name) => halfName(name, half)),
    outputs: operator.outputs.map((name) => halfName(name, half)),
    ...(isExchange(operator)
      ? {
          start: (values: AnyRecord) => operator.start(inside(values)),
          finish: (inFlight: object) => outside(operator.finish(inFlight)),
        }
      : { run: (values: AnyRecord) => outside(operator.run(inside(values))) }),
  } as unknown as Operator<Values>;
}

/** An attention of half 1 behind the tokens of half 0: it is made when their keys and values are there. */
function continued<Values>(
  operator: Operator<Values>,
  operatorsOf: SplitOperatorsOptions<Values>['operatorsOf'],
): Operator<Values> {
  const own = ofHalf(operator, 1);
  const cache = operator.outputs.find((name) => name.startsWith('keyValues'))!;
  const earlier = halfName(cache, 0);
  const run = (values: AnyRecord) => {
    const behind = operatorsOf(1, { [cache]: values[earlier] } as Partial<Values>);
    const attention = behind.find(({ name }) => name === operator.name)!;
    return (ofHalf(attention, 1) as unknown as { run: (values: AnyRecord) => object }).run(values);
  };
  return { ...own, inputs: [...own.inputs, earlier], run } as unknown as Operator<Values>;
}

/** One gate over both halves, whose routing is cut. */
function jointGate<Values>(
  gate: Operator<Values>,
  halves: readonly PartOfBatch[],
  { prepare, cut }: Pick<SplitOperatorsOptions<Values>, 'prepare' | 'cut'>,
): Operator<Values> {
  const tap = gate.inputs[0]!;
  const inputs = halves.map((_, half) => halfName(tap, half));
  const run = (values: AnyRecord) => {
    const tapped = joinHalves(
      inputs.map((name) => values[name] as tf.Tensor),
      halves[0]!.axis,
    );
    const { s, routing } = (gate as unknown as { run: (values: AnyRecord) => { s: tf.Tensor; routing: Routing } }).run({
      [tap]: tapped,
    });
    const routings = halves.map((half) => routingOfHalf(routing, half));
    prepare?.(routings);
    const chunked = cut?.(routings);
    const ofHalves = halves.flatMap((half, h): [string, unknown][] => [
      [halfName('s', h), takePart(s, half)],
      [halfName('routing', h), routings[h]],
      ...(chunked ? [[halfName('chunked', h), chunked[h]] as [string, unknown]] : []),
    ]);
    return { routing, ...Object.fromEntries(ofHalves) };
  };
  const names = ['s', 'routing', ...(cut ? ['chunked'] : [])];
  const outputs = ['routing', ...halves.flatMap((_, h) => names.map((name) => halfName(name, h)))];
  return { ...gate, inputs, outputs, run } as unknown as Operator<Values>;
}
