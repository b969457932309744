import * as tf from '@tensorflow/tfjs';

import { joinColumns, splitColumns } from '../tensors/columns.js';

/** The two matrices of an adapter here: A (..., dIn, rank) and B (..., rank, dOut), stacked for experts. */
export type Factors = {
  a: tf.Tensor;
  b: tf.Tensor;
};

/** PEFT's of a linear module, lora_A (rank, dIn) and lora_B (dOut, rank). */
export function fromLinear(a: tf.Tensor, b: tf.Tensor): Factors {
  return { a: tf.transpose(a), b: tf.transpose(b) };
}

export function toLinear({ a, b }: Factors): Factors {
  return { a: tf.transpose(a), b: tf.transpose(b) };
}

/** PEFT's of E fused experts: the expert runs slowest in lora_A (E rank, dIn) and fastest in lora_B (dOut, rank E). */
export function fromFused(a: tf.Tensor, b: tf.Tensor, numExperts: number): Factors {
  const [rows, dIn] = a.shape as [number, number];
  const rank = rows / numExperts;
  return {
    a: tf.transpose(tf.reshape(a, [numExperts, rank, dIn]), [0, 2, 1]),
    b: tf.transpose(tf.reshape(b, [b.shape[0], rank, numExperts]), [2, 1, 0]),
  };
}

export function toFused({ a, b }: Factors): Factors {
  const [numExperts, dIn, rank] = a.shape as [number, number, number];
  return {
    a: tf.reshape(tf.transpose(a, [0, 2, 1]), [numExperts * rank, dIn]),
    b: tf.reshape(tf.transpose(b, [2, 1, 0]), [b.shape.at(-1)!, rank * numExperts]),
  };
}

/**
 * One adapter of several matrices side by side, as one for each. Where B is block-diagonal, as where single adapters were
 * joined, each has its own rows of A; else all have the same A.
 */
export function splitFactors({ a, b }: Factors, widths: readonly number[], groups: number): Factors[] {
  if (widths.length === 1) return [{ a, b }];
  const bs = splitColumns(b, widths, groups);
  const rank = a.shape.at(-1)!;
  if (rank % widths.length !== 0) return bs.map((each) => ({ a, b: each }));
  const as = tf.split(a, widths.length, -1);
  const blocks = bs.map((each) => tf.split(each, widths.length, -2));
  const isDiagonal = blocks.every((row, i) => row.every((block, j) => (i === j) !== isZero(block)));
  return bs.map((each, i) => (isDiagonal ? { a: as[i]!, b: blocks[i]![i]! } : { a, b: each }));
}

/** Adapters of matrices side by side as one, whose B is block-diagonal; its rank is the sum of theirs. */
export function joinFactors(parts: readonly Factors[], groups: number): Factors {
  if (parts.length === 1) return parts[0]!;
  const a = tf.concat(
    parts.map((part) => part.a),
    -1,
  );
  const rows = parts.map(({ b }, i) => {
    const blocks = parts.map((other, j) => (i === j ? b : tf.zeros([...other.b.shape.slice(0, -1), b.shape.at(-1)!])));
    return tf.concat(blocks, -2);
  });
  return { a, b: joinColumns(rows, groups) };
}

function isZero(x: tf.Tensor): boolean {
  return x.dataSync().every((value) => value === 0);
}
