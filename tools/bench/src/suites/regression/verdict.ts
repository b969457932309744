import { median, spread } from '../../statistics.js';

/** Seconds, or bytes, of one case on both builds. */
export interface Comparison {
  name: string;
  unit: 's' | 'bytes';
  before: number[];
  after: number[];
}

export interface Verdict {
  /** after / before, of the medians. */
  ratio: number;
  /** Half the quartiles' distance of both, added: what a ratio differs by for no reason. */
  noise: number;
  is: 'worse' | 'better' | 'equal';
}

/** A ratio counts where it is further from 1 than `tolerance` and than the noise of the figures. */
export function verdictOf({ before, after }: Comparison, tolerance: number): Verdict {
  const ratio = median(after) / median(before);
  const noise = spread(before) + spread(after);
  const bound = 1 + Math.max(tolerance, noise);
  return { ratio, noise, is: ratio > bound ? 'worse' : ratio < 1 / bound ? 'better' : 'equal' };
}
