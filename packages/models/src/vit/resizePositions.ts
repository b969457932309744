import * as tf from '@tensorflow/tfjs';

/** The parameter of the cubic convolution, as torch's `interpolate(mode='bicubic')` has it. */
const a = -0.75;

/**
 * Position embeddings of a square of patches for a square of another size, (S, d) -> (S', d): bicubic, as transformers'
 * `interpolate_pos_encoding` does it (centres of pixels aligned, no smoothing when it becomes smaller). A class token before
 * the patches keeps its own.
 *
 * @param from patches in a row before, and `to` after
 */
export function resizePositions(
  positions: tf.Tensor2D,
  { from, to, hasClassToken }: { from: number; to: number; hasClassToken: boolean },
): tf.Tensor2D {
  return tf.tidy(() => {
    const [length, dModel] = positions.shape;
    const numPatches = from * from;
    const ofPatches = tf.slice(positions, [length - numPatches, 0], [numPatches, dModel]);
    const weights = cubicWeights(from, to); // (to, from)
    const rows = tf.matMul(weights, tf.reshape(ofPatches, [from, from * dModel])); // (to, from * d)
    const columns = tf.reshape(tf.transpose(tf.reshape(rows, [to, from, dModel]), [1, 0, 2]), [from, to * dModel]);
    const square = tf.reshape(tf.matMul(weights, columns), [to, to, dModel]); // (column, row, d)
    const resized: tf.Tensor2D = tf.reshape(tf.transpose(square, [1, 0, 2]), [to * to, dModel]);
    return hasClassToken ? tf.concat([tf.slice(positions, [0, 0], [1, dModel]), resized]) : resized;
  });
}

/** (to, from): what each old place counts at each new one; places beyond the edge are the edge. */
function cubicWeights(from: number, to: number): tf.Tensor2D {
  const weights = Array.from({ length: to }, () => new Array<number>(from).fill(0));
  for (let i = 0; i < to; i++) {
    const place = ((i + 0.5) * from) / to - 0.5;
    const first = Math.floor(place) - 1;
    for (let j = first; j < first + 4; j++)
      weights[i]![Math.min(Math.max(j, 0), from - 1)]! += cubic(Math.abs(place - j));
  }
  return tf.tensor2d(weights);
}

function cubic(x: number): number {
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}
