import * as tf from '@tensorflow/tfjs';

import { MoeLayer } from './MoeLayer.js';
import { resolveScMoeLayer, scMoEOptions, type ScMoEArgs } from './moeLayerOptions.js';

/** y = c_s shared(current) + c_r routed(norm(shortcut)): see {@link scMoE}. */
export class ScMoE extends MoeLayer<ScMoEArgs> {
  static readonly className = 'ScmoeScMoE';

  constructor(args: ScMoEArgs) {
    super(args, { own: scMoEOptions, config: resolveScMoeLayer(args), numInputs: 2 });
  }
}
tf.serialization.registerClass(ScMoE);

/**
 * Shortcut-connected experts: applied to `[current, shortcut]`, both (batch, ..., d). A shared expert reads `current`,
 * the normalised activation of this layer; gate and routed experts read `shortcut`, an activation of an earlier layer,
 * so that they need not wait for this one. No residual. ScMoE has `topK: 1` (the default), ScMoE-2 `topK: 2`.
 *
 * @throws ArgumentError naming an option that cannot work, what is allowed and what came.
 */
export function scMoE(args: ScMoEArgs): ScMoE {
  return new ScMoE(args);
}
