import * as tf from '@tensorflow/tfjs';

import { isRecording } from './recording.js';
import { Tape } from './Tape.js';

/**
 * Keeps tensors, which a tidy would free, until the gradient that `valueAndGrads` records now has been taken: what several `recomputed`
 * parts read, and none of them has among its inputs. They are the backward pass's to free. Elsewhere it does nothing.
 */
export function holdForGradient(tensors: Iterable<tf.Tensor>): void {
  const tape = tf.engine().state.activeTape as unknown;
  if (!isRecording() || !(tape instanceof Tape)) return;
  for (const tensor of tensors) if (!tensor.kept && !(tensor instanceof tf.Variable)) tape.held.push(tf.keep(tensor));
}
