import { RandomStream } from '@scmoe/tensor';

import { dropoutStream } from '../streams.js';

/** A 32-bit seed for micro-batch `index` of a run, a function of (seed, index) alone. */
export function microBatchSeed(seed: number, index: number): number {
  return new RandomStream({ seed, stream: dropoutStream }).fork(index).word();
}
