import * as tf from '@tensorflow/tfjs';

import { moeSpecs, type ResolvedMoeLayer } from '../moe/moeLayerOperators.js';
import { runMoe } from '../moe/runMoe.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';
import { ExpertLayer, type Kwargs } from './ExpertLayer.js';
import { resolveMoeLayer, type MixtureOfExpertsArgs } from './moeLayerOptions.js';

/** y = sum over the top-k experts of weight * expert(x): see {@link mixtureOfExperts}. */
export class MixtureOfExperts extends ExpertLayer<MixtureOfExpertsArgs> {
  static readonly className = 'ScmoeMixtureOfExperts';
  private readonly config: ResolvedMoeLayer;

  constructor(args: MixtureOfExpertsArgs) {
    super(args);
    this.config = resolveMoeLayer(args, 2);
  }

  protected override specs(inputSize: number): ParameterSpecs {
    return moeSpecs(inputSize, this.config);
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Kwargs): tf.Tensor {
    return tf.tidy(() => {
      const x = Array.isArray(inputs) ? inputs[0]! : inputs;
      const { y, routing } = runMoe(x, this.parameters(), this.config);
      this.recordRouting(routing, kwargs);
      return y;
    });
  }
}
tf.serialization.registerClass(MixtureOfExperts);

/**
 * A layer of routed experts, for inputs (batch, ..., d), with outputs of the same shape. Each position is a token; the
 * layer has neither norm nor residual.
 *
 * @throws ConfigurationError naming an option that cannot work, what is allowed and what came.
 */
export function mixtureOfExperts(args: MixtureOfExpertsArgs): MixtureOfExperts {
  return new MixtureOfExperts(args);
}
