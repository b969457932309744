import { ArgumentError, expectBetween, expectPositive } from '@scmoe/errors';
import { withoutRecording } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

/** What is asked of a teacher: its scores (B, S, vocabSize) of tokens (B, S). */
export interface Teacher {
  /** Scores of each token's next one. `mask` (B, S): 0 where a sequence has no token. */
  forward(ids: tf.Tensor2D, options?: { mask?: tf.Tensor2D }): { logits: tf.Tensor3D };
}

/** What a model learns from another one, its teacher, beside the targets. */
export interface DistillOptions {
  /** A model over the same vocabulary. It is asked in evaluation mode, and no gradient goes to it. */
  teacher: Teacher;
  /** What both models' scores are divided by before the softmax, above 0. Default 1. */
  temperature?: number;
  /** Share of the teacher in the loss, 0 to 1; the rest is the cross-entropy of the targets. Default 0.9. */
  weight?: number;
}

/** How far a model is from its teacher, as means over the tokens that count. */
export type DistillResult = {
  /** KL(teacher || student), in nats, at the temperature. */
  kl: tf.Scalar;
  /** Share of tokens whose likeliest successor is the same in both. */
  agreement: tf.Scalar;
  /** Cross-entropy of the teacher, in nats. */
  teacherCrossEntropy: tf.Scalar;
};

/**
 * Mixes the loss of targets with the distance to a teacher: weight * temperature^2 * KL(teacher || student) +
 * (1 - weight) * crossEntropy (Hinton et al., arXiv 1503.02531, section 2; with weight 1 and temperature 1 the loss of
 * FarSkip-Collective's self-distillation, equation 4).
 *
 * @param ids (B, S), T tokens, of which a mask (B, S) says which are padding
 * @param scores (T, vocabSize)
 * @param targets (T); negative ones do not count
 * @throws ArgumentError where the teacher knows another vocabulary, or a number is out of range
 */
export function distill(
  { ids, mask }: { ids: tf.Tensor2D; mask?: tf.Tensor2D | undefined },
  { scores, targets, crossEntropy }: { scores: tf.Tensor2D; targets: tf.Tensor1D; crossEntropy: tf.Scalar },
  { teacher: model, temperature = 1, weight = 0.9 }: DistillOptions,
): { loss: tf.Scalar; result: DistillResult } {
  const [numTokens, vocabSize] = scores.shape;
  const logits = withoutRecording(() => tf.tidy(() => model.forward(ids, { ...(mask && { mask }) }).logits));
  if (logits.shape.at(-1) !== vocabSize)
    throw new ArgumentError(
      `distill.teacher: expected one over the same vocabulary of ${vocabSize} tokens, got one of ${logits.shape.at(-1)}`,
    );
  expectPositive('distill.temperature', temperature);
  expectBetween('distill.weight', weight, 0, 1);
  const theirs = tf.reshape(logits, [numTokens, vocabSize]);
  const counts = tf.cast(tf.greaterEqual(targets, 0), 'float32'); // (T)
  const total = tf.maximum(tf.sum(counts), 1);
  const mean = (ofTokens: tf.Tensor) => tf.div<tf.Scalar>(tf.sum(tf.mul(ofTokens, counts)), total);
  const logOf = (x: tf.Tensor) => tf.logSoftmax(temperature === 1 ? x : tf.div(x, temperature));
  const teacher = logOf(theirs);
  const kl = mean(tf.sum(tf.mul(tf.exp(teacher), tf.sub(teacher, logOf(scores))), -1));
  const agreement = mean(tf.cast(tf.equal(tf.argMax(scores, -1), tf.argMax(theirs, -1)), 'float32'));
  const known = tf.maximum(targets, tf.scalar(0, 'int32'));
  const ofTargets = tf.sum(tf.mul(tf.logSoftmax(theirs), tf.oneHot(known, vocabSize)), -1);
  const loss = tf.add<tf.Scalar>(tf.mul(kl, weight * temperature * temperature), tf.mul(crossEntropy, 1 - weight));
  return { loss, result: { kl, agreement, teacherCrossEntropy: tf.neg(mean(ofTargets)) } };
}
