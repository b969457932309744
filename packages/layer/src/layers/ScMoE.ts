import * as tf from '@tensorflow/tfjs';

import { moeSpecs, type ResolvedMoeLayer } from '../moe/moeLayerOperators.js';
import { runMoe } from '../moe/runMoe.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';
import { ExpertLayer, isShapeList, type Kwargs, type Shape } from './ExpertLayer.js';
import { resolveScMoeLayer, type ScMoEArgs } from './moeLayerOptions.js';

/** y = c_s shared(current) + c_r routed(shortcut): see {@link scMoE}. */
export class ScMoE extends ExpertLayer<ScMoEArgs> {
  static readonly className = 'ScmoeScMoE';
  private readonly config: ResolvedMoeLayer;

  constructor(args: ScMoEArgs) {
    super(args);
    this.config = resolveScMoeLayer(args);
  }

  protected override specs(inputSize: number): ParameterSpecs {
    return moeSpecs(inputSize, this.config);
  }

  override build(inputShape: Shape | Shape[]): void {
    if (!isShapeList(inputShape) || inputShape.length !== 2) {
      throw new Error(`${this.name}: expected two inputs, [current, shortcut], got ${JSON.stringify(inputShape)}`);
    }
    const [current, shortcut] = inputShape.map((shape) => `(${shape.join(', ')})`);
    if (current !== shortcut) {
      throw new Error(`${this.name}: expected current and shortcut of one shape, got ${current} and ${shortcut}`);
    }
    super.build(inputShape);
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Kwargs): tf.Tensor {
    return tf.tidy(() => {
      const [current, shortcut] = inputs as [tf.Tensor, tf.Tensor];
      const { y, routing } = runMoe(current, this.parameters(), this.config, { shortcut });
      this.recordRouting(routing, kwargs);
      return y;
    });
  }
}
tf.serialization.registerClass(ScMoE);

/**
 * Shortcut-connected experts: applied to `[current, shortcut]`, both (batch, ..., d). A shared expert reads `current`,
 * the normalised activation of this layer; gate and routed experts read `shortcut`, an activation of an earlier layer,
 * so that they need not wait for this one. No residual.
 *
 * @throws ConfigurationError naming an option that cannot work, what is allowed and what came.
 */
export function scMoE(args: ScMoEArgs): ScMoE {
  return new ScMoE(args);
}
