import { expectFinite, expectOneOf, expectPositiveInteger, expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

/** How rotary position embedding pairs the components of a head that turn. */
export type RopeStyle = 'half' | 'interleaved';

/** Rotary position embedding (Su et al., RoFormer, arXiv 2104.09864). */
export interface Rope {
  /** `half` turns component i with i + R/2 of R (GPT-NeoX, Llama), `interleaved` 2i with 2i + 1 (the paper, LongCat). */
  style: RopeStyle;
  /** Base of the angles: position * theta^(-2i/R); 10000 by default. */
  theta?: number;
  /** R, the components of each head that turn, the first ones; all by default. */
  size?: number;
  /** Angle from one position to the next of each pair, R/2 of them, in place of theta^(-2i/R): for scaled angles. */
  frequencies?: readonly number[];
  /** Factor on the components that turn; 1 by default. */
  factor?: number;
  /** Another factor in a call that reaches beyond a sequence's first `length` tokens (LongRoPE, arXiv 2402.13753). */
  beyond?: { readonly length: number; readonly factor: number };
}

/** The rotation of a call that makes a sequence so long. */
export function ropeOfLength(rope: Rope, length: number): Rope {
  if (!rope.beyond) return rope;
  const { beyond, ...same } = rope;
  return length > beyond.length ? { ...same, factor: beyond.factor } : same;
}

/**
 * Turns each pair of components of each head by the angle of its position, made of plain TF.js ops.
 *
 * @param x (B, S, H, D)
 * @param firstPosition position of x[:, 0]
 * @returns (B, S, H, D)
 */
export function rotateComposed(x: tf.Tensor4D, firstPosition: number, rope: Rope): tf.Tensor4D {
  const { style, size = x.shape[3], factor = 1 } = rope;
  return tf.tidy(() => {
    const [batch, length, heads, width] = x.shape;
    const half = size / 2;
    const frequencies = rope.frequencies ?? plainFrequencies(size, rope.theta);
    const angles = Float64Array.from(
      { length: length * half },
      (_, i) => (firstPosition + Math.floor(i / half)) * frequencies[i % half]!,
    );
    // Pairs lie along the last axis or along the one before it; the tables fit either way.
    const interleaved = style === 'interleaved';
    const tableShape = interleaved ? [length, 1, half, 1] : [length, 1, 1, half];
    const cos = tf.tensor(
      Float32Array.from(angles, (angle) => factor * Math.cos(angle)),
      tableShape,
    );
    const sin = tf.tensor(
      Float32Array.from(angles, (angle) => factor * Math.sin(angle)),
      tableShape,
    );
    const axis = interleaved ? 4 : 3;
    const [turning, still] = size < width ? tf.split(x, [size, width - size], 3) : [x];
    const pairs = tf.reshape(turning!, interleaved ? [batch, length, heads, half, 2] : [batch, length, heads, 2, half]);
    const [first, second] = tf.split(pairs, 2, axis) as [tf.Tensor, tf.Tensor];
    const turned = tf.concat(
      [tf.sub(tf.mul(first, cos), tf.mul(second, sin)), tf.add(tf.mul(second, cos), tf.mul(first, sin))],
      axis,
    );
    const whole: tf.Tensor4D = tf.reshape(turned, [batch, length, heads, size]);
    return still ? tf.concat<tf.Tensor4D>([whole, still as tf.Tensor4D], 3) : whole;
  });
}

/** Angles from one position to the next, theta^(-2i/R) of each of the R/2 pairs. */
export function plainFrequencies(size: number, theta = 10000): number[] {
  return Array.from({ length: size / 2 }, (_, i) => theta ** ((-2 * i) / size));
}

/** Whether kernels turn so by themselves: all components, by the angles of the paper. */
export function isPlainRope({ size, frequencies, factor = 1, beyond }: Rope, headSize: number): boolean {
  return (size === undefined || size === headSize) && frequencies === undefined && factor === 1 && !beyond;
}

/** Checks a rotation of heads of D components. @throws ArgumentError naming what does not fit */
export function expectRope(
  where: string,
  { style, theta, size, frequencies, factor, beyond }: Rope,
  headSize: number,
): void {
  expectOneOf(`${where}: rope.style`, style, ['half', 'interleaved']);
  expectThat(theta === undefined || theta > 0, `${where}: rope.theta`, 'a number > 0', theta);
  if (factor !== undefined) expectFinite(`${where}: rope.factor`, factor);
  if (beyond) {
    expectPositiveInteger(`${where}: rope.beyond.length`, beyond.length);
    expectFinite(`${where}: rope.beyond.factor`, beyond.factor);
  }
  if (size === undefined)
    expectThat(headSize % 2 === 0, `${where}: the head size`, 'an even number for rope', headSize);
  const turning = size ?? headSize;
  const fits = Number.isInteger(turning) && turning > 0 && turning % 2 === 0 && turning <= headSize;
  expectThat(fits, `${where}: rope.size`, `an even number up to the head size ${headSize}`, size);
  const count = frequencies?.length ?? turning / 2;
  expectThat(count === turning / 2, `${where}: rope.frequencies`, `${turning / 2}, one for each pair`, count);
}
