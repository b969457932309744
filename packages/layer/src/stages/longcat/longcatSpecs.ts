import type * as tf from '@tensorflow/tfjs';

import { feedForwardSpecs } from '../../sublayers/feedForward.js';
import { blockAttentionSpecs } from '../../sublayers/blockAttention.js';
import { normSpecs } from '../../sublayers/normalize.js';
import type { ShardOptions } from '../../moe/expertShard.js';
import { sublayerSpecs } from '../../moe/moeSublayer.js';
import { initializeParameters, type InitializationOptions } from '../../parameters/initializeParameters.js';
import { expectTensorParallel } from '../../tensorParallel/expectTensorParallel.js';
import { slicedSpecs } from '../../tensorParallel/tensorAxis.js';
import { expectParametersFit, under, type ParameterSpecs } from '../../parameters/ParameterSpec.js';
import { resolveLongcatBlock, type LongcatBlockConfig, type ResolvedLongcatBlock } from './LongcatBlockConfig.js';

/**
 * Names, shapes and starting points of all parameters of a LongCat block.
 * @throws ArgumentError where more ranks share the experts out than there are experts, or a tensor-parallel group can't share
 *   out what it should.
 */
export function longcatSpecs(config: ResolvedLongcatBlock, { experts, tensor }: ShardOptions = {}): ParameterSpecs {
  if (tensor) expectTensorParallel(config, tensor);
  const { dModel: d, norm, activation, ffnBias, ffnHidden, moe } = config;
  const half = (index: 1 | 2): ParameterSpecs => ({
    ...under(`normAttn${index}`, normSpecs(d, norm)),
    ...under(`attn${index}`, blockAttentionSpecs(config)),
    ...under(`normMlp${index}`, normSpecs(d, norm)),
    ...under(`mlp${index}`, feedForwardSpecs(d, ffnHidden, activation, { bias: ffnBias })),
  });
  const specs = { ...half(1), ...half(2), ...sublayerSpecs(d, moe, experts) };
  return tensor ? slicedSpecs(specs, tensor) : specs;
}

/**
 * Fresh parameters of a LongCat block, by name, as those of a pair: see {@link initializePair}.
 * @throws ArgumentError where the configuration cannot work.
 */
export function initializeLongcatBlock(
  config: LongcatBlockConfig,
  { experts, tensor, ...options }: InitializationOptions & ShardOptions,
): Record<string, tf.Tensor> {
  const specs = longcatSpecs(resolveLongcatBlock(config), { experts, tensor });
  expectParametersFit(specs, config);
  return initializeParameters(specs, options);
}
