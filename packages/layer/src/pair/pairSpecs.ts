import { attentionSpecs } from '../blocks/selfAttention.js';
import { feedForwardSpecs } from '../blocks/feedForward.js';
import { mixSpecs } from '../blocks/mix.js';
import { normSpecs } from '../blocks/normalize.js';
import { resolvePair, type PairConfig, type ResolvedPair } from '../config/PairConfig.js';
import { allExperts, type ExpertShard } from '../moe/expertShard.js';
import { routedSpecs } from '../moe/moeOperators.js';
import { initializeParameters, type InitializationOptions } from '../parameters/initializeParameters.js';
import { under, type ParameterSpecs } from '../parameters/ParameterSpec.js';
import type * as tf from '@tensorflow/tfjs';

/** Which part of a pair's parameters a rank has. */
export interface ShardOptions {
  /** Which of the experts to have parameters for; all by default. */
  experts?: ExpertShard;
}

/**
 * Names, shapes and starting points of all parameters of a pair.
 * @throws ConfigurationError where the ranks that share the experts out do not divide them.
 */
export function pairSpecs(config: ResolvedPair, { experts = allExperts }: ShardOptions = {}): ParameterSpecs {
  const { dModel: d, norm, activation, ffnHidden, moe } = config;
  const backbone = {
    ...under('normAttn1', normSpecs(d, norm)),
    ...under('attn1', attentionSpecs(config)),
    ...under('normMlp', normSpecs(d, norm)),
    ...under('mlp', feedForwardSpecs(d, ffnHidden, activation)),
    ...under('normAttn2', normSpecs(d, norm)),
    ...under('attn2', attentionSpecs(config)),
  };
  if (!moe) {
    return {
      ...backbone,
      ...under('normMlp2', normSpecs(d, norm)),
      ...under('mlp2', feedForwardSpecs(d, ffnHidden, activation)),
    };
  }
  return {
    ...backbone,
    // Standard and shared-expert pairs gate on this norm's output, an ScMoE pair feeds its shared expert and mix with it.
    ...under('normMoe', normSpecs(d, norm)),
    ...(moe.shortcut?.norm === 'own' && under('normShortcut', normSpecs(d, norm))),
    ...routedSpecs(d, { ...moe, activation }, experts),
    ...(moe.shared && {
      ...under('shared', feedForwardSpecs(d, moe.shared.hidden, activation)),
      ...under('mix', mixSpecs(d, moe.shared.mix)),
    }),
    ...(moe.postNorm && under('normPost', normSpecs(d, norm))),
  };
}

/**
 * Fresh parameters of a pair, by name. Weights are normal(0, 0.02), biases 0, norms 1; each depends on the seed and its
 * own name alone, so that the experts of a shard are those that they are in the whole.
 * @throws ConfigurationError where the configuration cannot work.
 */
export function initializePair(
  config: PairConfig,
  { experts, ...options }: InitializationOptions & ShardOptions,
): Record<string, tf.Tensor> {
  return initializeParameters(pairSpecs(resolvePair(config), { experts }), options);
}
