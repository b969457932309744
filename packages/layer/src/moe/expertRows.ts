import { expertCapacity } from '@scmoe/gating';

import type { ResolvedExperts } from '../config/MoeConfig.js';
import type { ResolvedCostOptions } from '../cost/CostOptions.js';
import { expertShares } from './expertShard.js';

/** Rows of one rank on the way to its experts and back, for choices that are even over all experts. */
export interface ExpertRows {
  /** Choices of a token: where experts choose, each of them is one. */
  topK: number;
  /** Rows in the buffer that encode fills. */
  packed: number;
  /** Rows at the experts here: those that they compute, and the whole buffer. */
  filled: number;
  arrived: number;
  /** Rows of those that arrive, which are put in the order of the experts, and back in that of the ranks after. */
  reordered: number;
  /** Rows on their way to other ranks. */
  sent: number;
  /** Bytes of the row counts that go ahead of them. */
  countBytes: number;
  numExpertsHere: number;
}

export function expertRows(config: ResolvedExperts, { tokens, worldSize }: ResolvedCostOptions): ExpertRows {
  const { numExperts, numZeroExperts, topK, routing } = config;
  // The rank with most of them is what a step waits for.
  const numExpertsHere = Math.max(...expertShares(numExperts, worldSize));
  const ofEvenShare = (numExpertsHere * worldSize) / numExperts;
  const capacity = expertCapacity({ ...config, numTokens: tokens });
  const chosen = (tokens * topK * numExperts) / (numExperts + numZeroExperts);
  const packed = capacity > 0 ? numExperts * capacity : tokens * topK;
  const alone = worldSize === 1;
  // With a capacity whole buffers travel, and experts on several ranks compute them as they come.
  const arrived = (capacity > 0 || alone ? packed : chosen) * ofEvenShare;
  const away = (worldSize - 1) / worldSize;
  const countsTravel = !alone && capacity === 0;
  return {
    topK: routing === 'expertChoice' ? numExperts : topK,
    packed,
    filled: (capacity > 0 && !alone ? packed : Math.min(chosen, packed)) * ofEvenShare,
    arrived,
    reordered: countsTravel && numExpertsHere > 1 ? arrived : 0,
    sent: arrived * away,
    countBytes: countsTravel ? 4 * numExperts * away : 0,
    numExpertsHere,
  };
}
