import type { Routing } from '@scmoe/gating';
import type * as tf from '@tensorflow/tfjs';

import type { ExpertBatch } from './Dispatcher.js';

/**
 * What computes the routed experts of one layer where their weights are not among its parameters: on disk, for one. It
 * hears of a route as soon as the router has chosen, which in a layer with a shortcut is an attention and an MLP before
 * the experts have to work. For inference: it gives no gradient of the weights.
 */
export interface ExpertSource {
  /**
   * Hears where the tokens of this pass go, before `compute` is asked for it.
   *
   * @param s what the router has read: (..., d)
   */
  routeKnown(routing: Routing, s: tf.Tensor): void;
  /** What the experts make of their rows: (R, d), zero where a row is nobody's, as `groupedFfn` gives it. */
  compute(batch: ExpertBatch): tf.Tensor2D;
}
