import { ArgumentError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

/** Keller Jordan's quintic: its slope at 0 is steep, so that five rounds bring nearly all singular values near 1. */
const [a, b, c] = [3.4445, -4.775, 2.0315] as const;
const rounds = 5;

/**
 * The nearest semi-orthogonal matrices, roughly: U V^T of each matrix U S V^T, by five rounds of a Newton-Schulz iteration
 * (Jordan et al., Muon, 2024). Singular values end between about 0.7 and 1.2; very small ones stay small.
 *
 * @param x (..., m, n), each matrix by itself
 * @returns (..., m, n); zeros for zeros
 */
export function orthogonalize<T extends tf.Tensor>(x: T): T {
  if (x.rank < 2) throw new ArgumentError(`orthogonalize: x: expected (..., m, n), got (${x.shape.join(', ')})`);
  const [m, n] = x.shape.slice(-2) as [number, number];
  if (x.size === 0) return x.clone();
  return tf.tidy(() => {
    const stack: tf.Tensor3D = tf.reshape(x, [-1, m, n]);
    // The products of the iteration are (small, small).
    const tall = m > n;
    // No singular value is larger than the Frobenius norm, and the iteration needs them to be at most 1.
    const norms = tf.sqrt(tf.sum(tf.square(stack), [1, 2], true));
    let y = tf.div<tf.Tensor3D>(stack, tf.add(norms, 1e-7));
    const identity = tf.mul(tf.eye(Math.min(m, n)), a);
    for (let round = 0; round < rounds; round++) {
      const gram = tf.matMul(y, y, tall, !tall);
      // a + b G + c G²: all but the last product is on small matrices.
      const polynomial = tf.addN([tf.mul(gram, b), tf.mul(tf.matMul(gram, gram), c)]);
      const factor = tf.add<tf.Tensor3D>(polynomial, identity);
      y = tall ? tf.matMul(y, factor) : tf.matMul(factor, y);
    }
    return tf.reshape(y, x.shape) as T;
  });
}
