/** Options of `expertCapacity`. */
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
 * @throws Error naming the option that is out of range
 */
export function expertCapacity({
  numTokens,
  topK,
  numExperts,
  capacityFactor,
  minCapacity = 1,
}: CapacityOptions): number {
  if (!(capacityFactor >= 0 && Number.isFinite(capacityFactor)))
    throw new Error(`capacityFactor must be a finite number of at least 0 (0 = dropless), got ${capacityFactor}`);
  if (!Number.isInteger(minCapacity) || minCapacity < 0)
    throw new Error(`minCapacity must be a whole number of slots, got ${minCapacity}`);
  if (capacityFactor === 0) return 0;
  const slots = Math.max(Math.ceil((topK * capacityFactor * numTokens) / numExperts), minCapacity);
  if (slots === 0 && numTokens > 0)
    throw new Error(`capacityFactor ${capacityFactor} leaves no slot for ${numTokens} tokens: raise minCapacity`);
  return slots;
}
