import type * as tf from '@tensorflow/tfjs';

import type { Execution } from './Subject.js';

/** How a stage runs its pass. */
export type RunOptions = ReturnType<Execution['overlap']['stage']> & Pick<Execution, 'dispatcher'>;

/** A stage with its fresh parameters. */
export interface Runnable {
  run: (x: tf.Tensor3D, values: Record<string, tf.Tensor>, options: RunOptions) => tf.Tensor3D;
  /** The same as one stage that is observed, where `run` has several. */
  profiled?: Runnable['run'];
  parameters: Record<string, tf.Tensor>;
}
