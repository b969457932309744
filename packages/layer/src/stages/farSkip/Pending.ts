import * as tf from '@tensorflow/tfjs';

import { LateValue } from '../../plan/LateValue.js';

/**
 * What a stage has still to add to the residual stream that it hands on: the routed output of its experts, (B, S, d), there or
 * on its way.
 */
export type Pending = tf.Tensor3D | LateValue;

/** What the stage before has left to add. */
export interface FarSkipContext {
  /** Absent behind a stage that leaves nothing, and in the first one. */
  pending?: Pending;
}

/** The residual stream with all that is pending: behind the last stage, or where somebody looks between two of them. */
export function joinPending(y: tf.Tensor3D, pending: Pending | undefined): tf.Tensor3D {
  if (!pending) return y;
  return tf.add(y, pending instanceof LateValue ? (pending.take() as tf.Tensor3D) : pending);
}
