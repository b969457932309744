import * as tf from '@tensorflow/tfjs';

import type { CostOptions } from '../cost/CostOptions.js';
import { longcatCost } from '../cost/longcatCost.js';
import type { LayerCost } from '../cost/OperatorCost.js';
import {
  resolveLongcatBlock,
  type LongcatBlockConfig,
  type ResolvedLongcatBlock,
} from '../longcat/LongcatBlockConfig.js';
import { longcatSpecs } from '../longcat/longcatSpecs.js';
import { runLongcatBlock } from '../longcat/runLongcatBlock.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';
import { ExpertLayer, type ExpertLayerArgs, type Kwargs } from './ExpertLayer.js';

/** The width dModel is that of the input. */
export interface LongcatBlockArgs extends ExpertLayerArgs, Omit<LongcatBlockConfig, 'dModel'> {}

/** The block of LongCat-Flash: see {@link longcatBlock}. */
export class LongcatBlock extends ExpertLayer<LongcatBlockArgs> {
  static readonly className = 'ScmoeLongcatBlock';
  private config: ResolvedLongcatBlock;
  private numTrainingCalls = 0;

  constructor(args: LongcatBlockArgs) {
    super(args);
    // The width is known when the layer is built. Until then one that suits the heads finds every other mistake.
    this.config = resolveLongcatBlock({ ...this.blockOptions(), dModel: 2 * args.numHeads });
  }

  protected override specs(inputSize: number): ParameterSpecs {
    this.config = resolveLongcatBlock({ ...this.blockOptions(), dModel: inputSize });
    return longcatSpecs(this.config);
  }

  private blockOptions(): Omit<LongcatBlockConfig, 'dModel'> {
    // eslint-disable-next-line @typescript-eslint/no-unused-vars -- named to be left out
    const { auxiliaryLossCoefficient, seed, ...own } = this.options;
    return own;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Kwargs): tf.Tensor {
    return tf.tidy(() => {
      const x = (Array.isArray(inputs) ? inputs[0]! : inputs) as tf.Tensor3D;
      const dropout = kwargs.training ? { seed: this.seed + this.numTrainingCalls++, firstStream: 0 } : undefined;
      const { y, routing } = runLongcatBlock(x, this.parameters(), this.config, { dropout });
      this.recordRouting(routing, kwargs);
      return y;
    });
  }
}
tf.serialization.registerClass(LongcatBlock);

/**
 * The shortcut-connected block of LongCat-Flash for inputs (batch, sequence, d): attention, MLP, attention, MLP, with
 * experts that read what the first MLP reads and are added at the end. Outputs have the shape of the inputs.
 *
 * @throws ConfigurationError naming an option that cannot work, what is allowed and what came.
 */
export function longcatBlock(args: LongcatBlockArgs): LongcatBlock {
  return new LongcatBlock(args);
}
