import { RandomStream } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { TokenBatch } from '../data/tokenBatches.js';
import type { Trainable } from '../train/Trainable.js';

/**
 * The smallest language model: a table (V, V) of next-token logits and a bias. In training it multiplies the logits with
 * noise from the context's seed, so that a test sees whether a resumed run gets the same seeds.
 */
export function bigramModel(vocabSize: number, { noise = 0 } = {}): Trainable<TokenBatch> & { dispose(): void } {
  const random = new RandomStream({ seed: 7 });
  const initial = Float32Array.from({ length: vocabSize ** 2 }, () => random.uniform() - 0.5);
  const variables = {
    table: tf.variable(tf.tensor2d(initial, [vocabSize, vocabSize])),
    bias: tf.variable(tf.zeros([vocabSize])),
  };
  return {
    variables,
    loss: ({ ids, targets }, { training, seed }) => {
      const oneHot = (tokens: tf.Tensor) => tf.oneHot(tf.reshape(tokens, [-1]).toInt(), vocabSize).toFloat();
      const logits = tf.add(tf.matMul(oneHot(ids), variables.table), variables.bias);
      const factor = training && noise > 0 ? 1 + noise * new RandomStream({ seed: seed as number }).uniform() : 1;
      const loss = tf.losses.softmaxCrossEntropy(oneHot(targets), tf.mul(logits, factor));
      return { loss: loss.asScalar(), metrics: { crossEntropy: loss.asScalar() } };
    },
    dispose: () => tf.dispose(variables),
  };
}
