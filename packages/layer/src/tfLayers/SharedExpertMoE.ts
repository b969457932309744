import * as tf from '@tensorflow/tfjs';

import { MoeLayer } from './MoeLayer.js';
import { resolveSharedMoeLayer, sharedExpertMoEOptions, type SharedExpertMoEArgs } from './moeLayerOptions.js';

/** y = c_s shared(x) + c_r routed(x): see {@link sharedExpertMoE}. */
export class SharedExpertMoE extends MoeLayer<SharedExpertMoEArgs> {
  static readonly className = 'ScmoeSharedExpertMoE';

  constructor(args: SharedExpertMoEArgs) {
    super(args, { own: sharedExpertMoEOptions, config: resolveSharedMoeLayer(args) });
  }
}
tf.serialization.registerClass(SharedExpertMoE);

/**
 * Routed experts beside a shared one that sees every token, for inputs (batch, ..., d), with outputs of the same shape.
 * Neither norm nor residual.
 *
 * @throws ArgumentError naming an option that cannot work, what is allowed and what came.
 */
export function sharedExpertMoE(args: SharedExpertMoEArgs): SharedExpertMoE {
  return new SharedExpertMoE(args);
}
