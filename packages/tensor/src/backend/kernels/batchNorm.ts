import type * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { isFloat, sizeOf } from './dtypes.js';
import { standardKernel } from './standardKernel.js';

interface Inputs {
  x: tf.TensorInfo;
  mean: tf.TensorInfo;
  variance: tf.TensorInfo;
  scale?: tf.TensorInfo;
  offset?: tf.TensorInfo;
}

/** Batch normalisation with one mean, variance, scale and offset for each of the last axis; others are left to JavaScript. */
const batchNorm = standardKernel<Inputs, { varianceEpsilon?: number | null }>(
  'FusedBatchNorm',
  (backend, { x, mean, variance, scale, offset }, { varianceEpsilon }) => {
    const channels = x.shape.at(-1);
    const perChannel = [mean, variance, ...(scale ? [scale] : []), ...(offset ? [offset] : [])];
    if (!isFloat(x) || !channels || !perChannel.every((each) => isFloat(each) && each.shape.length === 1))
      return undefined;
    if (perChannel.some(({ shape }) => shape[0] !== channels)) return undefined;
    const out = backend.output(x.shape);
    loadAddon().batchNorm({
      ...{ rows: sizeOf(x.shape) / channels, channels, epsilon: varianceEpsilon ?? 0.001 },
      ...{ x: backend.floats(x), mean: backend.floats(mean), variance: backend.floats(variance) },
      ...{ scale: scale && backend.floats(scale), offset: offset && backend.floats(offset), y: backend.floats(out) },
    });
    return out;
  },
);

export const batchNormKernels: tf.KernelConfig[] = [batchNorm];
