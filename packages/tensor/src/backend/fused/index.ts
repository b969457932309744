import type { KernelConfig } from '@tensorflow/tfjs';

import { attentionKernels } from './attention.js';
import { cachedAttentionKernels } from './cachedAttention.js';
import { cachedDeltaRuleKernels } from './cachedDeltaRule.js';
import { dropoutKernels } from './dropout.js';
import { embeddingKernels } from './embedding.js';
import { groupedFfnKernels } from './groupedFfn.js';
import { linearCrossEntropyKernels } from './linearCrossEntropy.js';
import { linearKernels } from './linear.js';
import { mergedLinearKernels } from './mergedLinear.js';
import { mlpKernels } from './mlp.js';
import { normKernels } from './norms.js';
import { optimizerKernels } from './optimizer.js';
import { randomKernels } from './random.js';
import { roundedOptimizerKernels } from './roundedOptimizer.js';
import { roundToBf16Kernels } from './roundToBf16.js';
import { routingKernels } from './routing.js';
import { splitRowsKernels } from './splitRows.js';
import { crossEntropyKernels } from './softmaxCrossEntropy.js';
import { storeWeightKernels } from './storeWeight.js';
import { swigluKernels } from './swiglu.js';

/** Native kernels of the fused operations in `src/ops`, forward and backward. */
export const fusedKernels: KernelConfig[] = [
  ...attentionKernels,
  ...cachedAttentionKernels,
  ...cachedDeltaRuleKernels,
  ...crossEntropyKernels,
  ...dropoutKernels,
  ...embeddingKernels,
  ...groupedFfnKernels,
  ...linearCrossEntropyKernels,
  ...linearKernels,
  ...mergedLinearKernels,
  ...mlpKernels,
  ...normKernels,
  ...optimizerKernels,
  ...randomKernels,
  ...roundedOptimizerKernels,
  ...roundToBf16Kernels,
  ...routingKernels,
  ...splitRowsKernels,
  ...storeWeightKernels,
  ...swigluKernels,
];
