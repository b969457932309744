import * as tf from '@tensorflow/tfjs';

import type { CostOptions } from '../cost/CostOptions.js';
import { longcatCost } from '../stages/longcat/longcatCost.js';
import type { LayerCost } from '../cost/OperatorCost.js';
import {
  longcatOptions,
  resolveLongcatBlock,
  type LongcatBlockConfig,
  type ResolvedLongcatBlock,
} from '../stages/longcat/LongcatBlockConfig.js';
import { longcatSpecs } from '../stages/longcat/longcatSpecs.js';
import { runLongcatBlock } from '../stages/longcat/runLongcatBlock.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';
import { ExpertLayer, type ExpertLayerArgs, type Kwargs, type Shape } from './ExpertLayer.js';
import { provisionalWidth } from './provisionalWidth.js';

/** The width dModel is that of the input. */
export interface LongcatBlockArgs extends ExpertLayerArgs, Omit<LongcatBlockConfig, 'dModel'> {}

/** The block of LongCat-Flash: see {@link longcatBlock}. */
export class LongcatBlock extends ExpertLayer<LongcatBlockArgs> {
  static readonly className = 'ScmoeLongcatBlock';
  private config: ResolvedLongcatBlock;

  constructor(args: LongcatBlockArgs) {
    super(args, longcatOptions);
    this.config = resolveLongcatBlock({ ...this.blockOptions(), dModel: provisionalWidth(args) });
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Kwargs): tf.Tensor {
    return tf.tidy(() => {
      const x = (Array.isArray(inputs) ? inputs[0]! : inputs) as tf.Tensor3D;
      const { y, routing } = runLongcatBlock(x, this.parameters(), this.config, {
        ...this.randomness(kwargs),
        ...this.maskOf(kwargs),
      });
      this.afterRouting([routing], kwargs, x.shape[0]);
      return y;
    });
  }

  protected override specs(inputSize: number): ParameterSpecs {
    this.config = resolveLongcatBlock({ ...this.blockOptions(), dModel: inputSize });
    return longcatSpecs(this.config);
  }

  protected override costOf(_: number, options: number | CostOptions): LayerCost {
    return longcatCost(this.config, options);
  }

  protected override checkInputs(shapes: readonly Shape[]): void {
    super.checkInputs(shapes);
    if (shapes[0]!.length !== 3) throw this.inputError('one input (batch, sequence, d)', shapes);
  }
}
tf.serialization.registerClass(LongcatBlock);

/**
 * The shortcut-connected block of LongCat-Flash for inputs (batch, sequence, d): attention, MLP, attention, MLP, with
 * experts that read what the first MLP reads and are added at the end. Outputs have the shape of the inputs.
 *
 * @throws ArgumentError naming an option that cannot work, what is allowed and what came.
 */
export function longcatBlock(args: LongcatBlockArgs): LongcatBlock {
  return new LongcatBlock(args);
}
