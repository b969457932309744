import * as tf from '@tensorflow/tfjs';

import { moeSpecs, type ResolvedMoeLayer } from '../moe/moeLayerOperators.js';
import { runMoe } from '../moe/runMoe.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';
import { ExpertLayer, type Kwargs } from './ExpertLayer.js';
import { resolveSharedMoeLayer, type SharedExpertMoEArgs } from './moeLayerOptions.js';

/** y = c_s shared(x) + c_r routed(x): see {@link sharedExpertMoE}. */
export class SharedExpertMoE extends ExpertLayer<SharedExpertMoEArgs> {
  static readonly className = 'ScmoeSharedExpertMoE';
  private readonly config: ResolvedMoeLayer;

  constructor(args: SharedExpertMoEArgs) {
    super(args);
    this.config = resolveSharedMoeLayer(args);
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
tf.serialization.registerClass(SharedExpertMoE);

/**
 * Routed experts beside a shared one that sees every token, for inputs (batch, ..., d), with outputs of the same shape.
 * Neither norm nor residual.
 *
 * @throws ConfigurationError naming an option that cannot work, what is allowed and what came.
 */
export function sharedExpertMoE(args: SharedExpertMoEArgs): SharedExpertMoE {
  return new SharedExpertMoE(args);
}
