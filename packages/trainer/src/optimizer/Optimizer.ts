import type * as tf from '@tensorflow/tfjs';

/** Options of one update. */
export interface OptimizerStepOptions {
  learningRate: number;
  /** A scalar on the device that every gradient is multiplied with first: clipping. */
  gradScale?: tf.Tensor;
}

/**
 * All that the loop and checkpoints ask of an optimizer; `AdamW` and `Muon` of @scmoe/tensor are two. Whoever makes one
 * disposes it.
 */
export interface Optimizer {
  /** A checkpoint goes on with an optimizer of the same name only. */
  readonly name: string;
  /** The number of updates so far, those before a restored state included. */
  readonly stepCount: number;
  /** Slots of its state whose numbers are those of bfloat16, which checkpoints keep in two bytes each. Default: none. */
  readonly bfloat16Slots?: readonly string[];
  /**
   * Updates `variables`, each by the gradient of its name. The result depends on nothing but the variables, the
   * gradients, the options and the state, so that a restored run goes on bit for bit.
   */
  step(
    variables: Record<string, tf.Variable>,
    gradients: Record<string, tf.Tensor>,
    options: OptimizerStepOptions,
  ): void;
  /**
   * What later updates depend on, as handles that they do not change and that the caller disposes. Each is named
   * `<slot>.<variable>` and has the shape of its variable: where a variable is one rank's part of a sharded parameter, the
   * parts are joined, and cut again, along the first axis.
   */
  state(): Record<string, tf.Tensor>;
  /** Takes over what `state` gave after `stepCount` updates; keeps handles of its own. */
  loadState(state: Record<string, tf.Tensor>, stepCount: number): void;
}

/** An optimizer whose step is cut in two, what the host counts and what the device does: the second can be compiled. */
export interface CompilableOptimizer extends Optimizer {
  /** Whether it can, as it was made. Default: it can. */
  readonly canCompile?: boolean;
  /** Makes the variables in which `update` keeps its state, where they are missing. */
  prepare(variables: Record<string, tf.Variable>): void;
  /** Counts an update, for one call of `update` to follow. @returns all numbers that change from update to update */
  advance(learningRate: number): readonly number[];
  /** The update that `advance` has counted, on the device alone. */
  update(
    variables: Record<string, tf.Variable>,
    gradients: Record<string, tf.Tensor>,
    options: CompiledUpdateOptions,
  ): void;
}

/** Options of one update on the device. */
export interface CompiledUpdateOptions extends Pick<OptimizerStepOptions, 'gradScale'> {
  /** What `advance` has given. */
  rates: tf.Tensor1D;
}

/** Whether an optimizer's step can be compiled. */
export function isCompilable(optimizer: Optimizer): optimizer is CompilableOptimizer {
  const given = optimizer as unknown as Record<string, unknown>;
  const hasAll = ['prepare', 'advance', 'update'].every((method) => typeof given[method] === 'function');
  return hasAll && given['canCompile'] !== false;
}
