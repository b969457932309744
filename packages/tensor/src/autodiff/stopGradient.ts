import type * as tf from '@tensorflow/tfjs';

import { withoutRecording } from './recording.js';

/**
 * The same values (no copy), as a constant: no gradient flows back through the result, and nothing is computed for it.
 */
export function stopGradient<T extends tf.Tensor>(x: T): T {
  return withoutRecording(() => x.clone());
}
