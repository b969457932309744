import * as tf from '@tensorflow/tfjs';

import { comparisonGradients } from './comparisons.js';
import { cumsumGradient } from './cumsum.js';
import { einsumGradient } from './einsum.js';
import { gatherNdGradient, scatterNdGradient } from './gatherScatter.js';
import { stridedSliceGradient } from './stridedSlice.js';
import { tileGradient } from './tile.js';
import { topKGradient } from './topK.js';

/** Puts right what TF.js 4.22 gets wrong and adds what it lacks, for every backend and for `tf.grads` as well. */
export function registerGradients(): void {
  const gradients = [
    ...comparisonGradients,
    cumsumGradient,
    einsumGradient,
    gatherNdGradient,
    scatterNdGradient,
    stridedSliceGradient,
    tileGradient,
    topKGradient,
  ];
  for (const gradient of gradients) {
    // In debug mode TF.js warns where one gradient replaces another.
    if (tf.getGradient(gradient.kernelName)) tf.unregisterGradient(gradient.kernelName);
    tf.registerGradient(gradient);
  }
}
