import * as tf from '@tensorflow/tfjs';

/** How rotary position embedding pairs the D components of a head. */
export type RopeStyle = 'half' | 'interleaved';

/** Rotary position embedding (Su et al., RoFormer, arXiv 2104.09864). */
export interface Rope {
  /** `half` turns component i with i + D/2 (GPT-NeoX, Llama), `interleaved` 2i with 2i + 1 (the paper, LongCat). */
  style: RopeStyle;
  /** Base of the angles: position * theta^(-2i/D); 10000 by default. */
  theta?: number;
}

/**
 * Turns each pair of components of each head by the angle of its position, made of plain TF.js ops.
 *
 * @param x (B, S, H, D) with even D
 * @param firstPosition position of x[:, 0]
 * @returns (B, S, H, D)
 */
export function rotateComposed(x: tf.Tensor4D, firstPosition: number, { style, theta = 10000 }: Rope): tf.Tensor4D {
  return tf.tidy(() => {
    const [batch, length, heads, size] = x.shape;
    const half = size / 2;
    const angles = Float64Array.from(
      { length: length * half },
      (_, i) => (firstPosition + Math.floor(i / half)) * theta ** (-(i % half) / half),
    );
    // Pairs lie along the last axis or along the one before it; the tables fit either way.
    const interleaved = style === 'interleaved';
    const tableShape = interleaved ? [length, 1, half, 1] : [length, 1, 1, half];
    const cos = tf.tensor(Float32Array.from(angles, Math.cos), tableShape);
    const sin = tf.tensor(Float32Array.from(angles, Math.sin), tableShape);
    const axis = interleaved ? 4 : 3;
    const pairs = tf.reshape(x, interleaved ? [batch, length, heads, half, 2] : [batch, length, heads, 2, half]);
    const [first, second] = tf.split(pairs, 2, axis) as [tf.Tensor, tf.Tensor];
    const turned = [tf.sub(tf.mul(first, cos), tf.mul(second, sin)), tf.add(tf.mul(second, cos), tf.mul(first, sin))];
    return tf.reshape(tf.concat(turned, axis), x.shape);
  });
}
