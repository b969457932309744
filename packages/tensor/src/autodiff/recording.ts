import * as tf from '@tensorflow/tfjs';

/** Runs `compute` while the engine records nothing: its results are constants to whatever gradient is being taken. */
export function withoutRecording<Result>(compute: () => Result): Result {
  const { state } = tf.engine();
  const depth = state.gradientDepth;
  // The engine records nothing at depth 0, so the results have no history.
  state.gradientDepth = 0;
  try {
    return compute();
  } finally {
    state.gradientDepth = depth;
  }
}

/** Whether the engine records operations for a gradient: where not, what only a gradient needs is not kept. */
export function isRecording(): boolean {
  return tf.engine().state.gradientDepth > 0;
}
