import { expectOneOf, expectPositive, expectPositiveInteger, expectThat, expectWholeNumber } from '@scmoe/errors';
import { overwrite } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { correctionBiasOptions, type CorrectionBiasConfig } from './config/correctionBiasOptions.js';

/** How a correction bias moves after a step. */
export interface CorrectionBiasOptions {
  /**
   * How the bias moves. `sign`: b += updateRate * sign(mean load - load), over the experts with a feed-forward network
   * (arXiv 2408.15664, algorithm 1; DeepSeek-V3). `proportional`: b += updateRate * (expectedTopK / topK / numExperts -
   * load / all choices) (LongCat-Flash, arXiv 2509.01322, section 2.1), where `expectedTopK` is how many of a token's
   * topK choices should be experts with a feed-forward network. `quantile`: b <- decay * b - (1 - decay) * q, less its
   * mean, with the mean q of the `balanceQuantiles` of all batches (quantile balancing of Marin and Megatron-Core): it
   * goes to where the load is even, without a rate to tune.
   */
  rule?: CorrectionBiasConfig['biasUpdateRule'];
  updateRate?: number;
  /** Choices per token; needed by `proportional`. */
  topK?: number;
  /** topK by default. */
  expectedTopK?: number;
  /** The last so many experts compute nothing: their bias stays as it is. None with `quantile`. */
  numZeroExperts?: number;
  /** The share of the bias that `quantile` keeps, from 0 to less than 1. */
  decay?: number;
}

/**
 * Moves the bias of experts with too little load up and that of others down. Once a step, after it; a bias that ranks
 * share wants the sum of their loads, or of their quantiles. Nothing is read on the host. Without any load nothing changes.
 *
 * @param bias (M)
 * @param load (M) choices of each expert before any was dropped: `Routing.load`, or numbers. With the rule `quantile`
 *   (M + 1): sums of `balanceQuantiles`
 * @throws ArgumentError naming the option, what is allowed and what came
 */
export function updateCorrectionBias(
  bias: tf.Variable,
  load: tf.Tensor | ArrayLike<number>,
  options: CorrectionBiasOptions = {},
): void {
  const { rule = 'sign', numZeroExperts = 0 } = options;
  const all = bias.size;
  expectOneOf('rule', rule, correctionBiasOptions.biasUpdateRule.choices);
  expectWholeNumber('numZeroExperts', numZeroExperts);
  expectThat(numZeroExperts < all, 'numZeroExperts', `less than the ${all} experts of the bias`, numZeroExperts);
  const size = load instanceof tf.Tensor ? load.size : load.length;
  if (rule === 'quantile')
    expectThat(size === all + 1, 'load', `the ${all + 1} sums of balanceQuantiles, one more than the bias has`, size);
  else expectThat(size === all, 'load', `${all} numbers, as many as the bias has`, size);
  const move = rule === 'quantile' ? byQuantiles(options) : byLoad(options, all);
  tf.tidy(() => {
    const tensor = load instanceof tf.Tensor ? load : tf.tensor1d(Array.from(load));
    const measured = tf.cast<tf.Tensor1D>(tf.reshape(tensor, [size]), 'float32');
    overwrite(bias, tf.reshape(move(tf.reshape(bias, [all]), measured), bias.shape));
  });
}

/** The bias after a step, of what it was and what was measured. */
type Move = (bias: tf.Tensor1D, measured: tf.Tensor1D) => tf.Tensor1D;

function byLoad(
  { rule, updateRate = 1e-3, topK, expectedTopK = topK, numZeroExperts = 0 }: CorrectionBiasOptions,
  all: number,
): Move {
  expectPositive('updateRate', updateRate);
  if (rule === 'proportional') {
    expectPositiveInteger('topK', topK);
    const fits = expectedTopK! > 0 && expectedTopK! <= topK;
    expectThat(fits, 'expectedTopK', `a number > 0 and at most topK = ${topK}`, expectedTopK);
  }
  const numExperts = all - numZeroExperts;
  return (bias, counts) => {
    const own = tf.slice(counts, 0, numExperts);
    const total = tf.sum(counts);
    const missing =
      rule === 'proportional'
        ? tf.mul(
            tf.sub(expectedTopK! / topK! / numExperts, tf.div(own, tf.maximum(total, 1))),
            tf.cast(tf.greater(total, 0), 'float32'),
          )
        : tf.sign(tf.sub(tf.mean(own), own));
    return tf.add(bias, tf.pad(tf.mul(missing, updateRate), [[0, numZeroExperts]]));
  };
}

function byQuantiles({
  decay = correctionBiasOptions.biasDecay.default,
  numZeroExperts = 0,
}: CorrectionBiasOptions): Move {
  expectThat(decay >= 0 && decay < 1, 'decay', 'a number from 0 to less than 1', decay);
  expectThat(numZeroExperts === 0, 'numZeroExperts', "0 with the rule 'quantile'", numZeroExperts);
  return (bias, sums) => {
    const all = bias.size;
    const batches = tf.slice(sums, all, 1);
    const quantiles = tf.div(tf.slice(sums, 0, all), tf.maximum(batches, 1));
    const moved = tf.sub(tf.mul(bias, decay), tf.mul(quantiles, 1 - decay));
    // A number common to all biases changes no choice: without it they stay near the scores, whatever the decay.
    return tf.where(tf.greater(batches, 0), tf.sub(moved, tf.mean(moved)), bias);
  };
}
