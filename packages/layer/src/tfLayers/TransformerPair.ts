import * as tf from '@tensorflow/tfjs';

import { pairOptions, resolvePair, type PairConfig, type ResolvedPair } from '../stages/pair/PairConfig.js';
import { pairSpecs } from '../stages/pair/pairSpecs.js';
import { runPair } from '../stages/pair/runPair.js';
import { expectRegular } from '../stages/farSkip/expectFarSkip.js';
import type { CostOptions } from '../cost/CostOptions.js';
import type { LayerCost } from '../cost/OperatorCost.js';
import { pairCost } from '../stages/pair/pairCost.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';
import { ExpertLayer, type ExpertLayerArgs, type Kwargs, type Shape } from './ExpertLayer.js';
import { provisionalWidth } from './provisionalWidth.js';

/** The width dModel is that of the input. */
export interface TransformerPairArgs extends ExpertLayerArgs, Omit<PairConfig, 'dModel'> {}

/** Two transformer blocks, the second with experts: see {@link transformerPair}. */
export class TransformerPair extends ExpertLayer<TransformerPairArgs> {
  static readonly className = 'ScmoeTransformerPair';
  private config: ResolvedPair;

  constructor(args: TransformerPairArgs) {
    super(args, pairOptions);
    this.config = resolvePair({ ...this.blockOptions(), dModel: provisionalWidth(args) });
    expectRegular(this.config, 'in a layer of tf.layers, which hands on one tensor');
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Kwargs): tf.Tensor {
    return tf.tidy(() => {
      const x = (Array.isArray(inputs) ? inputs[0]! : inputs) as tf.Tensor3D;
      const { y, routing, currentRouting } = runPair(x, this.parameters(), this.config, {
        ...this.randomness(kwargs),
        ...this.maskOf(kwargs),
      });
      this.afterRouting([routing, currentRouting], kwargs, x.shape[0]);
      return y;
    });
  }

  protected override specs(inputSize: number): ParameterSpecs {
    this.config = resolvePair({ ...this.blockOptions(), dModel: inputSize });
    return pairSpecs(this.config);
  }

  protected override costOf(_: number, options: number | CostOptions): LayerCost {
    return pairCost(this.config, options);
  }

  protected override checkInputs(shapes: readonly Shape[]): void {
    super.checkInputs(shapes);
    if (shapes[0]!.length !== 3) throw this.inputError('one input (batch, sequence, d)', shapes);
  }
}
tf.serialization.registerClass(TransformerPair);

/**
 * A pair of pre-norm transformer blocks for inputs (batch, sequence, d): attention and MLP, then attention and, by
 * `kind`, another MLP or experts. Outputs have the shape of the inputs.
 *
 * @throws ArgumentError naming an option that cannot work, what is allowed and what came.
 */
export function transformerPair(args: TransformerPairArgs): TransformerPair {
  return new TransformerPair(args);
}
