import type { Routing } from '@scmoe/gating';
import type * as tf from '@tensorflow/tfjs';

import type { ParameterRecord } from '../../parameters/ParameterRecord.js';
import { runStage, type RunStageOptions, type StageForm, type StageResult } from '../runStage.js';
import type { ResolvedLongcatBlock } from './LongcatBlockConfig.js';
import { longcatOperators, type LongcatCache, type LongcatContext, type LongcatValues } from './longcatOperators.js';

export interface RunLongcatBlockOptions extends LongcatContext, RunStageOptions<LongcatValues> {}

/** What a pass through a LongCat block gives; there is always a routing. */
export type LongcatBlockResult = StageResult<LongcatCache> & { routing: Routing };

const longcat: StageForm<ResolvedLongcatBlock, LongcatContext, LongcatValues, LongcatCache> = {
  name: 'LongCat block',
  operators: longcatOperators,
  cacheOf: ({ keyValues1, keyValues2 }) => ({ attention1: keyValues1!, attention2: keyValues2! }),
};

/** One pass of x (B, S, d) through a LongCat block. @throws ArgumentError as `runStage` */
export function runLongcatBlock(
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  config: ResolvedLongcatBlock,
  options: RunLongcatBlockOptions = {},
): LongcatBlockResult {
  return runStage(longcat, x, parameters, config, options) as LongcatBlockResult;
}
