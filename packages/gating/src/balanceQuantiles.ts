import { expectThat } from '@scmoe/errors';
import { stopGradient } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { Routing } from './Routing.js';

/** The margin of a masked token, below all others; finite, for TF.js's own `topk` orders by differences. */
const nobody = -1e30;

/**
 * Measures by how much the scores of each expert have to be lowered for an even load in this batch: what the rule `quantile`
 * of `updateCorrectionBias` goes by. With a token's threshold its (k + 1)-th largest of score + bias, an expert is chosen by
 * those tokens whose score lies above threshold + correction; floor(T k / M) do so if the correction is the
 * (floor(T k / M) + 1)-th largest of score - threshold. Nothing is read on the host, and no gradient flows. Masked tokens
 * count nowhere.
 *
 * @param routing of tokens that have chosen the k largest of score + bias: no groups, none excluded, all experts alike
 * @param bias (M), as it was for that choice
 * @returns (M + 1): the quantile of each expert, and a 1 that counts the batch. Those of several micro-batches and ranks
 *   are to be summed. Zeros for a batch without a token.
 * @throws ArgumentError for a bias of another size, and where every token chooses all experts
 */
export function balanceQuantiles(
  { scores, experts, mask }: Pick<Routing, 'scores' | 'experts' | 'mask'>,
  bias: tf.Tensor,
): tf.Tensor1D {
  const [tokens, all] = scores.shape;
  const topK = experts.shape[1];
  expectThat(bias.size === all, 'bias', `${all} numbers, as many as there are experts`, bias.size);
  expectThat(topK < all, 'topK', `less than the ${all} experts, for an even load to be a question`, topK);
  if (tokens === 0) return tf.zeros([all + 1]);
  return tf.tidy(() => {
    const own = stopGradient(scores);
    const compared = tf.add<tf.Tensor2D>(own, tf.reshape(stopGradient(bias), [1, all]));
    const threshold = tf.slice(tf.topk(compared, topK + 1).values, [0, topK], [-1, 1]); // (T, 1)
    const margins = tf.sub<tf.Tensor2D>(own, threshold);
    const isToken = mask && tf.expandDims(mask, 1); // (T, 1)
    const ofTokens = isToken ? tf.where(isToken, margins, nobody) : margins;
    const share = Math.floor((tokens * topK) / all);
    const highest = tf.topk(tf.transpose(ofTokens), share + 1).values; // (M, share + 1), largest first
    if (!mask) return tf.concat([tf.slice(highest, [0, share], [-1, 1]).as1D(), tf.ones([1])]);
    const present = tf.sum(tf.cast(mask, 'int32'));
    const place = tf.floorDiv(tf.mul(present, tf.scalar(topK, 'int32')), tf.scalar(all, 'int32'));
    const isAny = tf.greater(present, 0);
    const quantiles = tf.gather(highest, tf.reshape(place, [1]), 1).as1D();
    return tf.concat([tf.where(isAny, quantiles, 0), tf.reshape(tf.cast(isAny, 'float32'), [1])]);
  });
}
