import { expectOneOf, expectPositive, expectPositiveInteger, expectThat, expectWholeNumber } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

/** How a correction bias moves after a step. */
export interface CorrectionBiasOptions {
  /**
   * How the bias moves. `sign`: b += updateRate * sign(mean load - load), over the experts with a feed-forward network
   * (arXiv 2408.15664, algorithm 1; DeepSeek-V3). `proportional`: b += updateRate * (expectedTopK / topK / numExperts -
   * load / all choices) (LongCat-Flash, arXiv 2509.01322, section 2.1), where `expectedTopK` is how many of a token's
   * topK choices should be experts with a feed-forward network.
   */
  rule?: 'sign' | 'proportional';
  updateRate?: number;
  /** Choices per token; needed by `proportional`. */
  topK?: number;
  /** topK by default. */
  expectedTopK?: number;
  /** The last so many experts compute nothing: their bias stays as it is. */
  numZeroExperts?: number;
}

/**
 * Moves the bias of experts with too little load up and that of others down. Once a step, after it; a bias that ranks
 * share wants the sum of their loads. Nothing is read on the host. Without any load nothing changes.
 *
 * @param bias (M)
 * @param load (M) choices of each expert before any was dropped: `Routing.load`, or numbers
 * @throws ArgumentError naming the option, what is allowed and what came
 */
export function updateCorrectionBias(
  bias: tf.Variable,
  load: tf.Tensor | ArrayLike<number>,
  { rule = 'sign', updateRate = 1e-3, topK, expectedTopK = topK, numZeroExperts = 0 }: CorrectionBiasOptions = {},
): void {
  const all = bias.size;
  expectOneOf('rule', rule, ['sign', 'proportional']);
  expectPositive('updateRate', updateRate);
  expectWholeNumber('numZeroExperts', numZeroExperts);
  expectThat(numZeroExperts < all, 'numZeroExperts', `less than the ${all} experts of the bias`, numZeroExperts);
  const size = load instanceof tf.Tensor ? load.size : load.length;
  expectThat(size === all, 'load', `${all} numbers, as many as the bias has`, size);
  if (rule === 'proportional') {
    expectPositiveInteger('topK', topK);
    const fits = expectedTopK! > 0 && expectedTopK! <= topK;
    expectThat(fits, 'expectedTopK', `a number > 0 and at most topK = ${topK}`, expectedTopK);
  }
  const numExperts = all - numZeroExperts;
  tf.tidy(() => {
    const tensor = load instanceof tf.Tensor ? load : tf.tensor1d(Array.from(load));
    const counts = tf.cast(tf.reshape(tensor, [all]), 'float32');
    const own = tf.slice(counts, 0, numExperts);
    const total = tf.sum(counts);
    const missing =
      rule === 'sign'
        ? tf.sign(tf.sub(tf.mean(own), own))
        : tf.mul(
            tf.sub(expectedTopK! / topK! / numExperts, tf.div(own, tf.maximum(total, 1))),
            tf.cast(tf.greater(total, 0), 'float32'),
          );
    const change = tf.pad(tf.mul(missing, updateRate), [[0, numZeroExperts]]);
    bias.assign(tf.add(bias, tf.reshape(change, bias.shape)));
  });
}
