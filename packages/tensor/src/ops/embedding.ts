import * as tf from '@tensorflow/tfjs';

import { gradientSoFar } from '../autodiff/gradientSoFar.js';
import { expectDtype, expectRank } from './check.js';
import { hasFused, runFusedOne } from './runFused.js';

export const embeddingKernel = 'ScmoeEmbedding';
export const embeddingBackwardKernel = 'ScmoeEmbeddingBackward';

/**
 * Rows of a table by id. One kernel each way; the gradient adds up the rows of equal ids in a fixed order.
 *
 * @param ids (...) int32, each in 0 ... V - 1; the native kernel throws on another
 * @param table (V, d) float32
 * @returns (..., d)
 * @throws ArgumentError naming the argument when shapes or dtypes do not fit
 */
export function embedding(ids: tf.Tensor, table: tf.Tensor): tf.Tensor {
  expectDtype('embedding', 'ids', ids, 'int32');
  expectDtype('embedding', 'table', table, 'float32');
  expectRank('embedding', 'table', table, 2, '(vocabSize, d)');
  if (!hasFused(embeddingKernel)) return embeddingComposed(ids, table);
  return runFusedOne(embeddingKernel, { ids, table });
}

/** The same from plain TF.js ops; a one-hot product carries the gradient, which no backend's gather lacks. */
export function embeddingComposed(ids: tf.Tensor, table: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const [vocabSize, d] = table.shape as [number, number];
    const flat = tf.reshape<tf.Rank.R1>(ids, [-1]);
    const lookUp = tf.customGrad((x, save) => {
      (save as tf.GradSaveFunc)([flat]);
      return {
        value: tf.gather(x as tf.Tensor, flat),
        gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) => {
          const depth = Math.max(vocabSize, 2); // oneHot wants a depth of 2
          const rows = tf.matMul(tf.cast(tf.oneHot(saved as tf.Tensor1D, depth), 'float32'), dy, true);
          return tf.slice(rows, [0, 0], [vocabSize, d]);
        },
      };
    });
    return tf.reshape(lookUp(table), [...ids.shape, d]);
  });
}

tf.registerGradient({
  kernelName: embeddingKernel,
  inputsToSave: ['ids', 'table'],
  gradFunc: (dy, saved) => {
    const [ids, table] = saved as [tf.Tensor, tf.Tensor];
    const vocabSize = table.shape[0];
    return {
      table: () => {
        const sum = gradientSoFar('table'); // that of the head, where it is the same matrix
        return runFusedOne(embeddingBackwardKernel, { dOut: dy as tf.Tensor, ids, ...(sum && { sum }) }, { vocabSize });
      },
    };
  },
});
