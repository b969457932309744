import { RandomStream } from '@scmoe/tensor';

import { dataStream } from '../streams.js';

/**
 * Whole numbers in [0, limit) for rows `first` ... `first + count - 1`. A row's number depends on (seed, row) alone.
 */
export function randomStarts(
  limit: number,
  { seed, first, count }: { seed: number; first: number; count: number },
): number[] {
  const rows = new RandomStream({ seed, stream: dataStream });
  return Array.from({ length: count }, (_, i) => rows.fork(first + i).int(limit));
}
