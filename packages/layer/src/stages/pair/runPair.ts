import type * as tf from '@tensorflow/tfjs';

import type { ParameterRecord } from '../../parameters/ParameterRecord.js';
import { runStage, type RunStageOptions, type StageForm, type StageResult } from '../runStage.js';
import type { PairCache, PairContext } from './PairContext.js';
import type { ResolvedPair } from './PairConfig.js';
import { pairOperators, type PairValues } from './pairOperators.js';

export interface RunPairOptions extends PairContext, RunStageOptions<PairValues> {}

/** What a pass through a pair gives. */
export type PairResult = StageResult<PairCache>;

const pair: StageForm<ResolvedPair, PairContext, PairValues, PairCache> = {
  name: 'pair',
  operators: pairOperators,
  pendingOf: ({ connectivity, moe }) => (connectivity === 'farskip' && moe ? 'routed' : undefined),
  cacheOf: ({ keyValues1, keyValues2 }) => ({ attention1: keyValues1!, attention2: keyValues2! }),
};

/** One pass of x (B, S, d) through a pair of blocks. @throws ArgumentError as `runStage` */
export function runPair(
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  config: ResolvedPair,
  options: RunPairOptions = {},
): PairResult {
  return runStage(pair, x, parameters, config, options);
}
