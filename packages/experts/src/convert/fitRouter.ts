import { AdamW, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

/** A router that was fitted to what it should say. */
export interface FittedRouter {
  /** (d, N), row by row */
  weight: Float32Array;
  /** Mean divergence KL(target || scores) in nats, of even scores and of the fitted ones. */
  divergence: { before: number; after: number };
}

const steps = 150;
const learningRate = 0.05;

/**
 * Fits a linear router to targets by gradient, on all tokens at once: the divergence is convex in its weights.
 *
 * @param inputs (T, d) what the router reads
 * @param targets (T, N) scores that sum to 1
 */
export function fitRouter(inputs: tf.Tensor2D, targets: tf.Tensor2D): FittedRouter {
  const weight = tf.tidy(() => tf.variable(tf.zeros([inputs.shape[1], targets.shape[1]])));
  const optimizer = new AdamW({ weightDecay: 0 });
  const loss = (): tf.Scalar => {
    const logits = tf.matMul(inputs, weight);
    const chosen = tf.sum(tf.mul(targets, logits), 1);
    return tf.mean(tf.sub(tf.logSumExp(logits, 1), chosen));
  };
  // Cross-entropy less the entropy of the targets.
  const entropy = tf.tidy(
    () => tf.neg(tf.mean(tf.sum(tf.mul(targets, tf.log(tf.maximum(targets, 1e-30))), 1))).dataSync()[0]!,
  );
  const divergence = () => tf.tidy(() => loss().dataSync()[0]!) - entropy;
  try {
    const before = divergence();
    for (let step = 0; step < steps; step++)
      tf.tidy(() => {
        const { grads } = valueAndGrads(loss, { weight });
        optimizer.step({ weight }, grads, { learningRate: learningRate * (1 - step / steps) });
      });
    return { weight: weight.dataSync<'float32'>().slice(), divergence: { before, after: divergence() } };
  } finally {
    weight.dispose();
    optimizer.dispose();
  }
}
