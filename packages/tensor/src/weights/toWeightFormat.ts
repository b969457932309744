import { expectOneOf, expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { withoutRecording } from '../autodiff/recording.js';
import { expectDtype } from '../ops/check.js';
import { hasFused, runFusedOne } from '../ops/runFused.js';
import { roundToFormat, weightFormats, type WeightFormat } from './roundToFormat.js';

export const storeWeightKernel = 'ScmoeStoreWeight';

export interface StoreWeightAttributes {
  format: Exclude<WeightFormat, 'float32'>;
}

/**
 * Rounds a weight to what a format can hold, and keeps it in that format: a half or a good quarter of the memory, and as much
 * less to read in every product of few rows, which is what generation waits for.
 *
 * The result is a float32 tensor like any other, with the rounded numbers. On the native backend `linear`, `swiglu` and
 * `groupedFfn` read it as it is stored, unless a gradient is recorded, and give what they give for the rounded numbers in
 * float32, bit for bit where float32 products are our own; every other op expands it for its own use. On other backends it
 * takes as much memory as before.
 *
 * @param weight (dIn, dOut), or several of them (N, dIn, dOut); stays as it is
 * @throws ArgumentError where the tensor is no such weight, or int8 is to hold a number that is not finite
 */
export function toWeightFormat(weight: tf.Tensor, format: WeightFormat): tf.Tensor {
  expectOneOf('format', format, weightFormats);
  expectDtype('toWeightFormat', 'weight', weight, 'float32');
  const isMatrix = weight.rank === 2 || weight.rank === 3;
  expectThat(isMatrix, 'toWeightFormat: weight', '(dIn, dOut) or (N, dIn, dOut)', weight.shape);
  if (format === 'float32') return tf.clone(weight);
  return withoutRecording(() => {
    if (hasFused(storeWeightKernel)) return runFusedOne(storeWeightKernel, { weight }, { format });
    return tf.tensor(roundToFormat(weight.dataSync() as Float32Array, weight.shape, format), weight.shape, 'float32');
  });
}
