import type * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { isFloat } from './dtypes.js';
import { standardKernel } from './standardKernel.js';

interface Attributes {
  numSamples: number;
  seed: number;
  normalized: boolean;
}

/** Draws what TF.js's backend `cpu` draws for the same seed. */
export const multinomial = standardKernel<{ logits: tf.TensorInfo }, Attributes>(
  'Multinomial',
  (backend, { logits }, { numSamples, seed, normalized }) => {
    if (!isFloat(logits) || logits.shape.length !== 2 || typeof seed !== 'number') return undefined;
    // Without a seed of the caller's each call has another one.
    backend.refuseCapture('its kernel Multinomial draws by a number that is no tensor');
    const [rows, columns] = logits.shape as [number, number];
    const out = backend.output([rows, numSamples], 'int32');
    loadAddon().multinomial({
      ...{ rows, columns, samples: numSamples, areProbabilities: Boolean(normalized), seed: String(seed) },
      ...{ x: backend.floats(logits), out: backend.ints(out) },
    });
    return out;
  },
);
