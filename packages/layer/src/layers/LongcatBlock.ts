import * as tf from '@tensorflow/tfjs';

import { resolveLongcatBlock, type LongcatBlockConfig, type ResolvedLongcatBlock } from '../longcat/LongcatBlockConfig.js';
import { longcatSpecs } from '../longcat/longcatSpecs.js';
import { runLongcatBlock } from '../longcat/runLongcatBlock.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';
import { ExpertLayer, type ExpertLayerArgs, type Kwargs } from './ExpertLayer.js';

/** The width dModel is that of the input. */
export interface LongcatBlockArgs extends ExpertLayerArgs, Omit<LongcatBlockConfig, 'dModel'> {}

/** The block of LongCat-Flash: see {@link longcatBlock}. */
export class LongcatBlock extends ExpertLayer<LongcatBlockArgs> {
  static readonly className = 'ScmoeLongcatBlock';
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
