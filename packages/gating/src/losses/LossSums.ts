import { stopGradient } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

/**
 * What a router loss is a function of: sums over the tokens, by name. Those of two batches, added up, are those of both
 * together, which no mean and no product of means is.
 */
export type LossSums = Readonly<Record<string, tf.Tensor | number>>;

/** A router loss in two steps, so that sums of several micro-batches can be put together in between. */
export interface SummedLoss<Source, Sums extends LossSums> {
  sums(source: Source): Sums;
  /** The loss of all tokens that the sums are over. */
  ofSums(sums: Sums): tf.Scalar;
}

/** How the micro-batches of a step, on all ranks, get the router losses of one batch. */
export interface WholeBatch {
  /** Micro-batches of the step, on all ranks together. Their losses are averaged, and so are the gradients. */
  numMicroBatches: number;
  /**
   * The sums of all micro-batches together, in the layout of this one's, flat, (n). Called once for each micro-batch that
   * has a router loss; what it returns is a constant.
   */
  total(own: tf.Tensor1D): tf.Tensor1D;
}

/**
 * The sums of the whole batch in place of this micro-batch's own, with the gradient of its own, as often as there are
 * micro-batches: then each one's loss is that of the whole batch, and the mean of the gradients over the micro-batches is
 * the gradient of that.
 */
export function overWholeBatch<Sums extends LossSums>(own: readonly Sums[], whole: WholeBatch | undefined): Sums[] {
  if (!whole || own.length === 0) return [...own];
  return tf.tidy(() => {
    const tensors = own.flatMap((sums) => Object.values(sums).map((x) => (typeof x === 'number' ? tf.scalar(x) : x)));
    const sizes = tensors.map(({ size }) => size);
    const flat = tf.concat(tensors.map((x) => tf.reshape(tf.cast(stopGradient(x), 'float32'), [-1])));
    const totals = tf.split(whole.total(flat as tf.Tensor1D), sizes);
    const used = tensors.map((x, i) => {
      const scaled = tf.mul(tf.cast(x, 'float32'), whole.numMicroBatches);
      const rest = tf.sub(tf.reshape(totals[i]!, x.shape), stopGradient(scaled));
      return tf.add(scaled, rest);
    });
    let next = 0;
    return own.map(
      (sums) => Object.fromEntries(Object.keys(sums).map((name) => [name, used[next++]!])) as unknown as Sums,
    );
  });
}

/** A sum that something is divided by, at least 1. */
export function atLeastOne(sum: tf.Tensor | number): tf.Tensor | number {
  return typeof sum === 'number' ? Math.max(1, sum) : tf.maximum(sum, 1);
}
