import type * as tf from '@tensorflow/tfjs';

import { feedForwardSpecs } from '../../sublayers/feedForward.js';
import { normSpecs } from '../../sublayers/normalize.js';
import { blockAttentionSpecs } from '../../sublayers/blockAttention.js';
import { resolveBlock, type BlockConfig, type ResolvedBlock } from './BlockConfig.js';
import type { ShardOptions } from '../../moe/expertShard.js';
import { initializeParameters, type InitializationOptions } from '../../parameters/initializeParameters.js';
import { expectParametersFit, under, type ParameterSpecs } from '../../parameters/ParameterSpec.js';
import { expertBlockSpecs } from '../../moe/expertBlock.js';
import { expectTensorParallel } from '../../tensorParallel/expectTensorParallel.js';
import { slicedSpecs } from '../../tensorParallel/tensorAxis.js';

/**
 * Names, shapes and starting points of all parameters of a block.
 * @throws ArgumentError where more ranks share the experts out than there are experts, or a tensor-parallel group can't share
 *   out what it should.
 */
export function blockSpecs(config: ResolvedBlock, { experts, tensor }: ShardOptions = {}): ParameterSpecs {
  const { dModel: d, norm, activation, ffnBias, ffnHidden, moe } = config;
  if (tensor) expectTensorParallel(config, tensor);
  const specs = {
    ...under('normAttn', normSpecs(d, norm)),
    ...under('attn', blockAttentionSpecs(config)),
    ...(moe
      ? expertBlockSpecs(config, moe, experts)
      : {
          ...under('normMlp', normSpecs(d, norm)),
          ...under('mlp', feedForwardSpecs(d, ffnHidden, activation, { bias: ffnBias })),
        }),
  };
  return tensor ? slicedSpecs(specs, tensor) : specs;
}

/**
 * Fresh parameters of a block, by name, as those of a pair: see {@link initializePair}.
 * @throws ArgumentError where the configuration cannot work.
 */
export function initializeBlock(
  config: BlockConfig,
  { experts, tensor, ...options }: InitializationOptions & ShardOptions,
): Record<string, tf.Tensor> {
  const specs = blockSpecs(resolveBlock(config), { experts, tensor });
  expectParametersFit(specs, config);
  return initializeParameters(specs, options);
}
