import type { Dispatcher, OverlapController } from '@scmoe/layer';
import type * as tf from '@tensorflow/tfjs';

/** How tokens travel and in which order operators run. */
export interface Execution {
  dispatcher: Dispatcher;
  overlap: Pick<OverlapController, 'stage'>;
}

/** What is timed: a block pair or a model, of one kind. */
export interface Subject {
  variables: Record<string, tf.Variable>;
  /** Differentiated as well, but not trained: what another layer would have made. */
  inputs: Record<string, tf.Variable>;
  /** Layers whose tokens travel. */
  numLayers: number;
  /** What training differentiates. */
  loss: (execution: Execution) => tf.Scalar;
  /** The same work in stages of which every operator is observed, where those of `loss` are cut elsewhere. */
  profiledLoss?: (execution: Execution) => tf.Scalar;
  /** What inference computes. */
  forward: (execution: Execution) => tf.Tensor;
  /** The same in stages as `profiledLoss` has them. */
  profiledForward?: (execution: Execution) => tf.Tensor;
}
