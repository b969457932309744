import { randomUniform, type Seed } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { PartOfBatch } from '../split/Halves.js';

/**
 * Dropout of a part x (B', S', d) of a batch (B, S, d): each element stays or goes as `dropout` of the whole says, bit for bit,
 * since word i of the random sequence is element i's. The mask is made on the host.
 */
export function dropoutOfPart(
  x: tf.Tensor,
  { rate, seed, stream, part }: { rate: number; seed: Seed; stream: number; part: PartOfBatch },
): tf.Tensor {
  return tf.tidy(() => {
    const [numSequences, numTokens] = part.of;
    const [width] = x.shape.slice(2) as [number];
    const runs =
      part.axis === 'batch'
        ? [part.first * numTokens * width]
        : Array.from({ length: numSequences }, (_, sequence) => (sequence * numTokens + part.first) * width);
    const words = runs.map((offset) => randomUniform([x.size / runs.length], { seed, stream, offset }));
    const kept = tf.greaterEqual(tf.reshape(tf.concat(words), x.shape), rate);
    return tf.mul(x, tf.mul(tf.cast(kept, 'float32'), 1 / (1 - rate)));
  });
}
