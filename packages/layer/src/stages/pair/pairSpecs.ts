import { blockAttentionSpecs } from '../../sublayers/blockAttention.js';
import { feedForwardSpecs } from '../../sublayers/feedForward.js';
import { normSpecs } from '../../sublayers/normalize.js';
import { resolvePair, type PairConfig, type ResolvedPair } from './PairConfig.js';
import { expertBlockSpecs } from '../../moe/expertBlock.js';
import { expectTensorParallel } from '../../tensorParallel/expectTensorParallel.js';
import { slicedSpecs } from '../../tensorParallel/tensorAxis.js';
import type { ShardOptions } from '../../moe/expertShard.js';
import { initializeParameters, type InitializationOptions } from '../../parameters/initializeParameters.js';
import { expectParametersFit, under, type ParameterSpecs } from '../../parameters/ParameterSpec.js';
import type * as tf from '@tensorflow/tfjs';

/**
 * Names, shapes and starting points of all parameters of a pair.
 * @throws ArgumentError where more ranks share the experts out than there are experts, or a tensor-parallel group can't share
 *   out what it should.
 */
export function pairSpecs(config: ResolvedPair, { experts, tensor }: ShardOptions = {}): ParameterSpecs {
  const { dModel: d, norm, activation, ffnBias, ffnHidden, moe } = config;
  const mlp = feedForwardSpecs(d, ffnHidden, activation, { bias: ffnBias });
  if (tensor) expectTensorParallel(config, tensor);
  const specs = {
    ...under('normAttn1', normSpecs(d, norm)),
    ...under('attn1', blockAttentionSpecs(config)),
    ...under('normMlp', normSpecs(d, norm)),
    ...under('mlp', mlp),
    ...under('normAttn2', normSpecs(d, norm)),
    ...under('attn2', blockAttentionSpecs(config)),
    ...(moe
      ? expertBlockSpecs(config, moe, experts)
      : { ...under('normMlp2', normSpecs(d, norm)), ...under('mlp2', mlp) }),
  };
  return tensor ? slicedSpecs(specs, tensor) : specs;
}

/**
 * Fresh parameters of a pair, by name. Weights are normal(0, 0.02), biases 0, norms 1; each depends on the seed and its
 * own name alone, so that the experts of a shard are those that they are in the whole.
 * @throws ArgumentError where the configuration cannot work.
 */
export function initializePair(
  config: PairConfig,
  { experts, tensor, ...options }: InitializationOptions & ShardOptions,
): Record<string, tf.Tensor> {
  const specs = pairSpecs(resolvePair(config), { experts, tensor });
  expectParametersFit(specs, config);
  return initializeParameters(specs, options);
}
