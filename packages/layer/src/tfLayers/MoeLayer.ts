import type { OptionSpecs } from '@scmoe/gating';
import * as tf from '@tensorflow/tfjs';

import type { CostOptions } from '../cost/CostOptions.js';
import { moeCost } from '../moe/moeCost.js';
import type { LayerCost } from '../cost/OperatorCost.js';
import { moeSpecs, type ResolvedMoeLayer } from '../moe/moeLayerOperators.js';
import { runMoe } from '../moe/runMoe.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';
import { ExpertLayer, type ExpertLayerArgs, type Kwargs, type Shape } from './ExpertLayer.js';

/** The tf.layers classes of bare experts, with one input or two: `[current, shortcut]`. */
export abstract class MoeLayer<Args extends ExpertLayerArgs> extends ExpertLayer<Args> {
  private readonly config: ResolvedMoeLayer;
  private readonly numInputs: 1 | 2;

  constructor(
    args: Args,
    { own, config, numInputs = 1 }: { own: OptionSpecs; config: ResolvedMoeLayer; numInputs?: 1 | 2 },
  ) {
    super(args, own);
    this.config = config;
    this.numInputs = numInputs;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Kwargs): tf.Tensor {
    return tf.tidy(() => {
      const [current, shortcut] = (Array.isArray(inputs) ? inputs : [inputs]) as [tf.Tensor, tf.Tensor | undefined];
      const { router } = this.randomness(kwargs);
      const { y, routing, currentRouting } = runMoe(current, this.parameters(), this.config, {
        shortcut,
        router,
        ...this.maskOf(kwargs),
      });
      this.afterRouting([routing, currentRouting], kwargs, current.shape[0]);
      return y;
    });
  }

  protected override specs(inputSize: number): ParameterSpecs {
    return moeSpecs(inputSize, this.config);
  }

  protected override costOf(inputSize: number, options: number | CostOptions): LayerCost {
    return moeCost(inputSize, this.config, options);
  }

  protected override checkInputs(shapes: readonly Shape[]): void {
    if (this.numInputs === 1) return super.checkInputs(shapes);
    if (shapes.length !== 2) throw this.inputError('two inputs, [current, shortcut]', shapes);
    const [current, shortcut] = shapes as [Shape, Shape];
    super.checkInputs([current]);
    const agree = current.every((size, axis) => size === shortcut[axis] || size === null || shortcut[axis] === null);
    if (current.length !== shortcut.length || !agree || !shortcut.at(-1))
      throw this.inputError('current and shortcut of one shape', shapes);
  }
}
