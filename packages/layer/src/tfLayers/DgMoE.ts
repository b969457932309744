import * as tf from '@tensorflow/tfjs';

import { MoeLayer } from './MoeLayer.js';
import { dgMoEOptions, resolveDgMoeLayer, type DgMoEArgs } from './moeLayerOptions.js';

/** y = routed(norm(shortcut)) + routed(current), by different experts: see {@link dgMoE}. */
export class DgMoE extends MoeLayer<DgMoEArgs> {
  static readonly className = 'ScmoeDgMoE';

  constructor(args: DgMoEArgs) {
    super(args, { own: dgMoEOptions, config: resolveDgMoeLayer(args), numInputs: 2 });
  }
}
tf.serialization.registerClass(DgMoE);

/**
 * The paper's analysis variant with one gate and one set of experts for two inputs, `[current, shortcut]`, both
 * (batch, ..., d): each token visits the best expert for its shortcut, then the best of the others for its current
 * activation; both outputs, times their probabilities, add up. No residual.
 *
 * @throws ArgumentError naming an option that cannot work, what is allowed and what came.
 */
export function dgMoE(args: DgMoEArgs): DgMoE {
  return new DgMoE(args);
}
