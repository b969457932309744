import * as tf from '@tensorflow/tfjs';

import type { SplitAxis } from './SplitAxis.js';

/** A run of the sequences, or of the tokens of every sequence, in a whole of B sequences of S tokens. */
export interface PartOfBatch {
  readonly axis: SplitAxis;
  /** [B, S] of the whole. */
  readonly of: readonly [number, number];
  /** The first sequence, or token of every sequence, and how many there are. */
  readonly first: number;
  readonly count: number;
}

/** The two halves of a batch of B sequences of S tokens: the first is the longer one of an odd number. */
export function halvesOf(axis: SplitAxis, [numSequences, numTokens]: readonly number[]): readonly PartOfBatch[] {
  const total = axis === 'batch' ? numSequences! : numTokens!;
  const count = Math.ceil(total / 2);
  const whole = { axis, of: [numSequences!, numTokens!] as const };
  return [
    { ...whole, first: 0, count },
    { ...whole, first: count, count: total - count },
  ];
}

/** The part of x (B, S, ...): (B', S', ...). */
export function takePart<X extends tf.Tensor>(x: X, { axis, first, count }: PartOfBatch): X {
  const dim = axisNumber(axis);
  const begin = x.shape.map((_, i) => (i === dim ? first : 0));
  return tf.slice(
    x,
    begin,
    x.shape.map((size, i) => (i === dim ? count : size)),
  ) as X;
}

/** The part of rows (B * S, ...), one for each token. */
export function takeRows<X extends tf.Tensor>(rows: X, part: PartOfBatch): X {
  const taken = takePart(tf.reshape(rows, [...part.of, ...rows.shape.slice(1)]), part);
  return tf.reshape(taken, [-1, ...rows.shape.slice(1)]) as X;
}

/** Halves (B', S', ...) put together: (B, S, ...). */
export function joinHalves<X extends tf.Tensor>(halves: readonly X[], axis: SplitAxis): X {
  return tf.concat([...halves] as tf.Tensor[], axisNumber(axis)) as X;
}

/** Rows (B' * S', ...) of the halves put together in the order of the whole: (B * S, ...). */
export function joinRows<X extends tf.Tensor>(halves: readonly X[], parts: readonly PartOfBatch[]): X {
  const [{ axis, of }] = parts as [PartOfBatch];
  if (axis === 'batch' || of[0] === 1) return tf.concat([...halves] as tf.Tensor[], 0) as X;
  const byToken = halves.map((rows, h) => tf.reshape(rows, [of[0], parts[h]!.count, ...rows.shape.slice(1)]));
  return tf.reshape(tf.concat(byToken, 1), [-1, ...halves[0]!.shape.slice(1)]) as X;
}

function axisNumber(axis: SplitAxis): number {
  return axis === 'batch' ? 0 : 1;
}
