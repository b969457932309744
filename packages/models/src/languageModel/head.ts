import { freezeWeight, parameter, project } from '@scmoe/layer';
import { linearCrossEntropy, softmaxCrossEntropy } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { ResolvedLanguageModel } from './ResolvedLanguageModel.js';

/** What the head of a language model is made of. */
export interface Head {
  /** Parameters and buffers by name: `head.weight` (dModel, vocabSize), or `embedding` (vocabSize, dModel) where they are tied; perhaps `head.bias`. */
  all: Readonly<Record<string, tf.Tensor>>;
  /** Those of them that no gradient trains. */
  buffers: Readonly<Record<string, tf.Tensor>>;
  resolved: Pick<ResolvedLanguageModel, 'dModel' | 'tiedEmbeddings' | 'logitsDivisor'>;
}

/** (..., dModel) -> (T, vocabSize) */
export function headScores(hidden: tf.Tensor, { all, buffers, resolved }: Head): tf.Tensor2D {
  const rows = readRows(hidden, resolved);
  const bias = all['head.bias'];
  if (resolved.tiedEmbeddings) {
    const scores: tf.Tensor2D = tf.matMul(rows, parameter<tf.Tensor2D>(all, 'embedding'), false, true);
    return bias ? tf.add(scores, bias) : scores;
  }
  const weight = parameter<tf.Tensor2D>(all, 'head.weight');
  return project(rows, 'head.weight' in buffers ? freezeWeight(weight) : weight, bias) as tf.Tensor2D;
}

/** Mean over the targets (T) that count of what the head makes of (..., dModel), without keeping the scores. */
export function headCrossEntropy(hidden: tf.Tensor, targets: tf.Tensor1D, head: Head): tf.Scalar {
  const { all, buffers, resolved } = head;
  const { tiedEmbeddings } = resolved;
  const name = tiedEmbeddings ? 'embedding' : 'head.weight';
  // Of a frozen weight, which may be stored in fewer bytes or have an adapter, no gradient is to be computed.
  if (name in buffers) return softmaxCrossEntropy(headScores(hidden, head), targets);
  const weight = parameter<tf.Tensor2D>(all, name);
  const bias = all['head.bias'];
  return linearCrossEntropy(readRows(hidden, resolved), weight, targets, {
    transposeWeight: tiedEmbeddings,
    ...(bias && { bias }),
  });
}

/** (..., dModel) -> (T, dModel) */
function readRows(hidden: tf.Tensor, { dModel, logitsDivisor = 1 }: Head['resolved']): tf.Tensor2D {
  // A factor on what the head reads is one on the logits, of which there are more.
  const read = logitsDivisor === 1 ? hidden : tf.div(hidden, logitsDivisor);
  return tf.reshape(read, [-1, dModel]);
}
