import type { CorrectionBiasConfig, CorrectionBiasOptions, Routing } from '@scmoe/gating';
import type { DispatchOptions } from '@scmoe/models';
import type { Seed } from '@scmoe/tensor';
import type { Batch, WholeStep } from '@scmoe/trainer';
import type * as tf from '@tensorflow/tfjs';

/** How a model runs a pass over a batch. */
export interface PassOptions extends DispatchOptions {
  training?: boolean;
  dropoutSeed?: Seed;
  /** Makes losses of the routers those of the whole step. */
  whole?: WholeStep;
}

/** What a model makes of a batch; `routings` are those of its layers with experts, and the rest is scalars. */
export interface PassResult {
  /** What is differentiated: the mean over the batch, losses of the routers included. */
  loss: tf.Scalar;
  crossEntropy: tf.Scalar;
  loadBalance: tf.Scalar;
  routings: readonly Routing[];
  /** Further scalars worth recording, in training and evaluation. */
  metrics?: Readonly<Record<string, tf.Scalar>>;
}

/** All that a run asks of a model: every `StagedModel` of @scmoe/models that has a loss is one, such as `Gpt` and `Vit`. */
export interface RunModel<B extends Batch = Batch, Pass extends PassResult = PassResult> {
  /** The parameters, trained by gradient. */
  readonly variables: Record<string, tf.Variable>;
  /** State that no gradient trains; part of a checkpoint like the parameters. */
  readonly buffers: Record<string, tf.Variable>;
  /** Routed experts of each layer that has some; 0 for a dense model. */
  readonly numExperts: number;
  /** How often tokens go through the experts of each stage in a pass, and the width of a token: for what chooses by what travels. */
  readonly expertPassesOfStages?: readonly number[];
  readonly width?: number;
  /** What the routings of a pass are of, in their order, for alarms: `block1.router`. */
  readonly routerNames?: readonly string[];
  /** Coefficients of the losses of its routers, by name; 0 where one is off. */
  readonly routerCoefficients?: Readonly<Record<string, number>>;
  /** Runs a pass. Called inside a tidy and, in training, on the tape; elsewhere the caller disposes the result. */
  loss(batch: B, options: PassOptions): Pass;
  /** Counts the choices of each expert, of every router with a correction bias, by the bias's name. The caller disposes them. */
  routerLoads(routings: readonly Routing[]): Record<string, tf.Tensor1D>;
  /** What the rule `quantile` goes by, of every router with a correction bias, by the bias's name. The caller disposes it. */
  routerQuantiles(routings: readonly Routing[]): Record<string, tf.Tensor1D>;
  /** Makes sure that a rule can move the correction biases. @throws ArgumentError naming the option that stands against it. */
  expectBalanceRule(rule: CorrectionBiasConfig['biasUpdateRule']): void;
  /** Moves the correction biases towards an even load, once after a step, by loads or quantiles of all ranks together. */
  updateCorrectionBias(
    loads: Readonly<Record<string, Float32Array>>,
    options: Pick<CorrectionBiasOptions, 'rule' | 'updateRate' | 'expectedTopK' | 'decay'>,
  ): void;
  /** Counts all parameters, with the experts of all ranks. */
  numParameters(): number;
  /** Counts the parameters that one token meets. */
  numActiveParameters(): number;
}
