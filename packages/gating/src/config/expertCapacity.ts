import { expectNonNegative, expectThat, expectWholeNumber } from '@scmoe/errors';

/** What the slots of an expert are computed from. */
export interface CapacityOptions {
  /** Tokens on this rank. */
  numTokens: number;
  topK: number;
  numExperts: number;
  /** Slots in units of an even share; 0 = dropless. */
  capacityFactor: number;
  /** Least number of slots where capacityFactor > 0. */
  minCapacity?: number;
}

/**
 * Slots of each expert, max(ceil(topK * capacityFactor * numTokens / numExperts), minCapacity) (GShard, arXiv
 * 2006.16668, section 2.2); 0 where capacityFactor is 0: every choice is kept.
 *
 * @throws ArgumentError naming the option that is out of range
 */
export function expertCapacity({
  numTokens,
  topK,
  numExperts,
  capacityFactor,
  minCapacity = 1,
}: CapacityOptions): number {
  expectNonNegative('capacityFactor', capacityFactor);
  expectWholeNumber('minCapacity', minCapacity);
  if (capacityFactor === 0) return 0;
  const slots = Math.max(Math.ceil((topK * capacityFactor * numTokens) / numExperts), minCapacity);
  expectThat(
    slots > 0 || numTokens === 0,
    'minCapacity',
    `an integer > 0 where capacityFactor ${capacityFactor} leaves no slot for ${numTokens} tokens`,
    minCapacity,
  );
  return slots;
}
