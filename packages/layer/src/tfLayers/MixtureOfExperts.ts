import * as tf from '@tensorflow/tfjs';

import { MoeLayer } from './MoeLayer.js';
import { mixtureOfExpertsOptions, resolveMoeLayer, type MixtureOfExpertsArgs } from './moeLayerOptions.js';

/** y = sum over the top-k experts of weight * expert(x): see {@link mixtureOfExperts}. */
export class MixtureOfExperts extends MoeLayer<MixtureOfExpertsArgs> {
  static readonly className = 'ScmoeMixtureOfExperts';

  constructor(args: MixtureOfExpertsArgs) {
    super(args, { own: mixtureOfExpertsOptions, config: resolveMoeLayer(args, 2) });
  }
}
tf.serialization.registerClass(MixtureOfExperts);

/**
 * A layer of routed experts, for inputs (batch, ..., d), with outputs of the same shape. Each position is a token; the
 * layer has neither norm nor residual.
 *
 * @throws ArgumentError naming an option that cannot work, what is allowed and what came.
 */
export function mixtureOfExperts(args: MixtureOfExpertsArgs): MixtureOfExperts {
  return new MixtureOfExperts(args);
}
