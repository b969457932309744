import * as tf from '@tensorflow/tfjs';

/**
 * Inverses of I + L for strictly lower triangular L (M, C, C), C a power of two.
 *
 * The inverse of a block [[P, 0], [R, Q]] is [[P⁻¹, 0], [-Q⁻¹ R P⁻¹, Q⁻¹]]: blocks of twice the size come from two products of
 * those before, for all blocks and all matrices at once. The shorter product (I - L)(I + L²)(I + L⁴)... is the same in exact
 * arithmetic, but its powers grow like binomial coefficients where keys repeat, beyond what float32 can cancel.
 *
 * @returns (M, C, C)
 */
export function unitLowerInverse(lower: tf.Tensor3D): tf.Tensor3D {
  const inverse = tf.customGrad<tf.Tensor3D>((x, save) => {
    const value = tf.tidy(() => inverseOf(x as tf.Tensor3D));
    (save as tf.GradSaveFunc)([value]);
    return {
      value,
      // d(A⁻¹) = -A⁻¹ dA A⁻¹. What it says of the upper triangle nobody asks for: L is 0 there by a mask.
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const found = saved[0] as tf.Tensor3D;
        return tf.neg(tf.matMul(tf.matMul(found, dy as tf.Tensor3D, true, false), found, false, true));
      },
    };
  });
  return inverse(lower);
}

/** Blocks up to this size are worked out as whole matrices: products of smaller ones cost more than they compute. */
const smallSize = 8;

function inverseOf(lower: tf.Tensor3D): tf.Tensor3D {
  const [count, size] = lower.shape;
  if (size <= smallSize) return inverseOfSmall(lower);
  const half = size / 2;
  const block = (row: number, column: number): tf.Tensor3D =>
    tf.slice(lower, [0, row * half, column * half], [count, half, half]);
  const both = inverseOf(tf.concat([block(0, 0), block(1, 1)], 0));
  const [first, second] = tf.split(both, 2, 0) as [tf.Tensor3D, tf.Tensor3D];
  const below: tf.Tensor3D = tf.neg(tf.matMul(tf.matMul(second, block(1, 0)), first));
  const rows: tf.Tensor3D[] = [tf.concat([first, tf.zerosLike(first)], 2), tf.concat([below, second], 2)];
  return tf.concat(rows, 1);
}

/** The same with the blocks of all levels in place. */
function inverseOfSmall(lower: tf.Tensor3D): tf.Tensor3D {
  const size = lower.shape[1];
  let inverse: tf.Tensor3D = tf.sub(tf.eye(size), tf.mul(lower, joint(size, 1)));
  for (let block = 2; block < size; block *= 2) {
    const below: tf.Tensor3D = tf.mul(lower, joint(size, block));
    inverse = tf.sub(inverse, tf.matMul(tf.matMul(inverse, below), inverse));
  }
  return inverse;
}

/** (C, C): 1 where the second of two neighbouring blocks of a size looks at the first. */
function joint(size: number, block: number): tf.Tensor2D {
  const values = new Float32Array(size * size);
  for (let row = 0; row < size; row++) {
    const own = Math.floor(row / block);
    if (own % 2 === 1) values.fill(1, row * size + (own - 1) * block, row * size + own * block);
  }
  return tf.tensor2d(values, [size, size]);
}
