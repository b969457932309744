import { ArgumentError } from '@scmoe/errors';
import type { Seed } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

/** What the noise and the jitter of a router are drawn from. */
export interface Randomness {
  training?: boolean;
  seed?: Seed;
  stream?: number;
  noise?: tf.Tensor2D;
}

/** The seed, which has to be there. @throws ArgumentError saying for what */
export function expectSeed(seed: Seed | undefined, use: string): Seed {
  if (seed === undefined)
    throw new ArgumentError(`seed: expected a number for the ${use} of a router in training, got none`);
  return seed;
}
