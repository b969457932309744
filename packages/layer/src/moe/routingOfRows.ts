import type { Routing } from '@scmoe/gating';
import { dispatchPlan, withoutRecording } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

/**
 * The routing of some of the tokens, from that of all. What the whole has dropped for want of a slot is nobody's, and exactly
 * what it has kept travels: a part needs no capacity of its own.
 *
 * @param take gives those rows of (T, n) or (T) that belong to the tokens, with a gradient
 */
export function routingOfRows(whole: Routing, take: <X extends tf.Tensor>(rows: X) => X): Routing {
  const { identityWeights, counts, load, mask } = whole;
  const numExperts = counts.size;
  const experts = withoutRecording(() => {
    const [ids, slots] = [take(whole.experts), take(whole.slots)];
    const isKept = tf.logicalOr(tf.greaterEqual(slots, integer(0)), tf.greaterEqual(ids, integer(numExperts)));
    return tf.where<tf.Tensor>(isKept, ids, integer(-1)) as tf.Tensor2D;
  });
  const weights = take(whole.weights);
  const plan = withoutRecording(() =>
    dispatchPlan(experts, weights, { numExperts, numZeroExperts: load.size - numExperts }),
  );
  return {
    ...whole,
    ...plan,
    experts,
    weights,
    capacity: 0,
    numRows: experts.size,
    ...(identityWeights && { identityWeights: take(identityWeights) }),
    ...(mask && { mask: take(mask) }),
  };
}

/** A bare number would make float32 of whole numbers. */
function integer(value: number): tf.Scalar {
  return tf.scalar(value, 'int32');
}
