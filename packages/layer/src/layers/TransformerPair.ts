import * as tf from '@tensorflow/tfjs';

import { resolvePair, type PairConfig, type ResolvedPair } from '../config/PairConfig.js';
import { pairSpecs } from '../pair/pairSpecs.js';
import { runPair } from '../pair/runPair.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';
import { ExpertLayer, type ExpertLayerArgs, type Kwargs } from './ExpertLayer.js';

/** The width dModel is that of the input. */
export interface TransformerPairArgs extends ExpertLayerArgs, Omit<PairConfig, 'dModel'> {}

/** Two transformer blocks, the second with experts: see {@link transformerPair}. */
export class TransformerPair extends ExpertLayer<TransformerPairArgs> {
  static readonly className = 'ScmoeTransformerPair';
  private config: ResolvedPair;
  private numTrainingCalls = 0;

  constructor(args: TransformerPairArgs) {
    super(args);
    // The width is known when the layer is built. Until then one that suits the heads finds every other mistake.
    this.config = resolvePair({ ...this.pairOptions(), dModel: 2 * args.numHeads });
  }

  protected override specs(inputSize: number): ParameterSpecs {
    this.config = resolvePair({ ...this.pairOptions(), dModel: inputSize });
    return pairSpecs(this.config);
  }

  private pairOptions(): Omit<PairConfig, 'dModel'> {
    // eslint-disable-next-line @typescript-eslint/no-unused-vars -- named to be left out
    const { auxiliaryLossCoefficient, seed, ...own } = this.options;
    return own;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Kwargs): tf.Tensor {
    return tf.tidy(() => {
      const x = (Array.isArray(inputs) ? inputs[0]! : inputs) as tf.Tensor3D;
      const dropout = kwargs.training ? { seed: this.seed + this.numTrainingCalls++, firstStream: 0 } : undefined;
      const { y, routing } = runPair(x, this.parameters(), this.config, { dropout });
      this.recordRouting(routing, kwargs);
      return y;
    });
  }
}
tf.serialization.registerClass(TransformerPair);

/**
 * A pair of pre-norm transformer blocks for inputs (batch, sequence, d): attention and MLP, then attention and, by
 * `kind`, another MLP or experts. Outputs have the shape of the inputs.
 *
 * @throws ConfigurationError naming an option that cannot work, what is allowed and what came.
 */
export function transformerPair(args: TransformerPairArgs): TransformerPair {
  return new TransformerPair(args);
}
