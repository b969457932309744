import type * as tf from '@tensorflow/tfjs';

import type { ParameterRecord } from '../../parameters/ParameterRecord.js';
import { runStage, type RunStageOptions, type StageForm, type StageResult } from '../runStage.js';
import type { ResolvedBlock } from './BlockConfig.js';
import type { BlockCache, BlockContext } from './BlockContext.js';
import { blockOperators, type BlockValues } from './blockOperators.js';

export interface RunBlockOptions extends BlockContext, RunStageOptions<BlockValues> {}

/** What a pass through a block gives. */
export type BlockResult = StageResult<BlockCache>;

const block: StageForm<ResolvedBlock, BlockContext, BlockValues, BlockCache> = {
  name: 'block',
  operators: blockOperators,
  pendingOf: ({ connectivity, moe }) => (connectivity === 'farskip' && moe ? 'routed' : undefined),
  cacheOf: ({ keyValues }) => ({ attention: keyValues! }),
};

/** One pass of x (B, S, d) through a block. @throws ArgumentError as `runStage` */
export function runBlock(
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  config: ResolvedBlock,
  options: RunBlockOptions = {},
): BlockResult {
  return runStage(block, x, parameters, config, options);
}
