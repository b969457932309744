import { attentionBackwardKernel, attentionKernel, maskedAttentionKernel } from '../ops/attention.js';
import { decodeBackwardKernel, decodeKernel } from '../ops/decode.js';
import { dispatchPlanKernel } from '../ops/dispatchPlan.js';
import { dropoutKernel } from '../ops/dropout.js';
import { embeddingBackwardKernel, embeddingKernel } from '../ops/embedding.js';
import { encodeBackwardKernel, encodeKernel } from '../ops/encode.js';
import { groupedKernels } from '../ops/groupedFfn.js';
import { layerNormBackwardKernel, layerNormKernel } from '../ops/layerNorm.js';
import { linearBackwardKernel, linearKernel } from '../ops/linear.js';
import { linearCrossEntropyKernel } from '../ops/linearCrossEntropy.js';
import { rmsNormBackwardKernel, rmsNormKernel } from '../ops/rmsNorm.js';
import { routeBackwardKernel, routeKernel } from '../ops/route.js';
import { crossEntropyBackwardKernel, crossEntropyKernel } from '../ops/softmaxCrossEntropy.js';
import { swigluBackwardKernel, swigluKernel } from '../ops/swiglu.js';
import { adamWByRatesKernel } from '../optim/adamWUpdate.js';
import { globalNormKernel } from '../optim/globalNorm.js';

/** The inputs over which a linkable kernel may write its outputs, in their order; none for most. */
export function overwritableInputs(kernelName: string, numOutputs: number): readonly string[] {
  if (kernelName !== adamWByRatesKernel) return [];
  const count = numOutputs / 3;
  return ['p', 'm', 'v'].flatMap((letter) => Array.from({ length: count }, (_, i) => `${letter}${i}`));
}

/** Kernels of operations that are nothing but native calls on their inputs, outputs and memory in between: for `linkKernel`. */
export const linkableKernels: readonly string[] = [
  ...[attentionKernel, maskedAttentionKernel, attentionBackwardKernel],
  ...[crossEntropyKernel, crossEntropyBackwardKernel, linearCrossEntropyKernel],
  ...[decodeKernel, decodeBackwardKernel, encodeKernel, encodeBackwardKernel],
  ...[dispatchPlanKernel, routeKernel, routeBackwardKernel],
  ...[adamWByRatesKernel, dropoutKernel, embeddingKernel, embeddingBackwardKernel, globalNormKernel],
  ...Object.values(groupedKernels),
  ...[layerNormKernel, layerNormBackwardKernel, rmsNormKernel, rmsNormBackwardKernel],
  ...[linearKernel, linearBackwardKernel, swigluKernel, swigluBackwardKernel],
];
