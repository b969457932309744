import { linear, route, type CapacityOrder, type DropPolicy } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

import { expertCapacity } from './expertCapacity.js';
import type { Routing } from './Router.js';

/** Options of `routeTokens`. */
export interface RouteTokensOptions {
  /** Experts for each token. */
  topK?: number;
  /** Divide the chosen weights by their sum; by default for topK > 1. */
  normalizeWeights?: boolean;
  /** Slots of each expert in units of an even share; 0 = dropless. */
  capacityFactor?: number;
  minCapacity?: number;
  dropPolicy?: DropPolicy;
  capacityOrder?: CapacityOrder;
}

/**
 * The softmax gate: logits = tokens W in float32 whatever the precision (a bf16 product changes the choice), softmax
 * over all experts, the topK largest, their slots.
 *
 * @param tokens (T, d)
 * @param routerWeight (d, numExperts)
 * @throws Error naming the argument or option that does not fit
 */
export function routeTokens(
  tokens: tf.Tensor,
  routerWeight: tf.Tensor,
  {
    topK = 1,
    normalizeWeights = topK > 1,
    capacityFactor = 0,
    minCapacity = 1,
    dropPolicy = 'position',
    capacityOrder = 'choice',
  }: RouteTokensOptions = {},
): Routing {
  if (tokens.rank !== 2) throw new Error(`tokens must be (tokens, d), got (${tokens.shape.join(', ')})`);
  const logits = linear(tokens, routerWeight, undefined, { float32: true }) as tf.Tensor2D;
  const [numTokens, numExperts] = logits.shape;
  const capacity = expertCapacity({ numTokens, topK, numExperts, capacityFactor, minCapacity });
  const choice = route(logits, { topK, normalizeWeights, capacity, dropPolicy, capacityOrder });
  return { ...choice, logits, capacity, numRows: capacity > 0 ? numExperts * capacity : numTokens * topK };
}
