import { randomNormal } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

import { routerSpecs, type ResolvedRouter } from '../index.js';

/** Every parameter and buffer of a router drawn at random, so that all of them matter. */
export function randomParameters(
  d: number,
  router: ResolvedRouter,
  standardDeviation = 0.7,
): Record<string, tf.Tensor> {
  return Object.fromEntries(
    Object.entries(routerSpecs(d, router)).map(([name, { shape }], stream) => [
      name,
      randomNormal(shape, { seed: 11, stream, standardDeviation: name === 'correctionBias' ? 0.2 : standardDeviation }),
    ]),
  );
}
