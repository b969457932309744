import * as tf from '@tensorflow/tfjs';

import { normalize, normSpecs } from '../blocks/normalize.js';
import { expectOneOf } from '../config/ConfigurationError.js';
import { moeSpecs, runMoe, type ResolvedMoeLayer } from '../moe/runMoe.js';
import { below } from '../parameters/ParameterRecord.js';
import { under, type ParameterSpecs } from '../parameters/ParameterSpec.js';
import { ExpertLayer, isShapeList, type Kwargs, type Shape } from './ExpertLayer.js';
import { resolveSharedMoeLayer, type SharedExpertMoEArgs } from './moeLayerOptions.js';

export interface ScMoEArgs extends SharedExpertMoEArgs {
  /** Norm of the shortcut before gate and experts, with parameters of its own (default) or none. */
  shortcutNorm?: 'own' | 'none';
  norm?: 'layer' | 'rms';
  normEpsilon?: number;
}

/** y = c_s shared(current) + c_r routed(shortcut): see {@link scMoE}. */
export class ScMoE extends ExpertLayer<ScMoEArgs> {
  static readonly className = 'ScmoeScMoE';
  private readonly config: ResolvedMoeLayer;
  private readonly shortcutNorm: { norm: 'layer' | 'rms'; normEpsilon: number } | undefined;

  constructor(args: ScMoEArgs) {
    super(args);
    this.config = resolveSharedMoeLayer(args);
    const { shortcutNorm = 'own', norm = 'layer', normEpsilon = norm === 'rms' ? 1e-6 : 1e-5 } = args;
    expectOneOf('shortcutNorm', shortcutNorm, ['own', 'none']);
    expectOneOf('norm', norm, ['layer', 'rms']);
    this.shortcutNorm = shortcutNorm === 'own' ? { norm, normEpsilon } : undefined;
  }

  protected override specs(inputSize: number): ParameterSpecs {
    const norm = this.shortcutNorm && under('normShortcut', normSpecs(inputSize, this.shortcutNorm.norm));
    return { ...norm, ...moeSpecs(inputSize, this.config) };
  }

  /** Makes the variables for inputs `[current, shortcut]` of one shape. */
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
      const [current, tapped] = inputs as [tf.Tensor, tf.Tensor];
      const parameters = this.parameters();
      const { shortcutNorm } = this;
      const shortcut = shortcutNorm ? normalize(tapped, below(parameters, 'normShortcut'), shortcutNorm) : tapped;
      const { y, routing } = runMoe(current, parameters, this.config, { shortcut });
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
