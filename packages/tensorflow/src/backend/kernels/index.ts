import type * as tf from '@tensorflow/tfjs';

import { binaryKernels } from './binary.js';
import { complexKernels } from './complex.js';
import { convolutionKernels } from './convolutions.js';
import { imageKernels } from './images.js';
import { indexingKernels } from './indexing.js';
import { normalizationKernels } from './normalizations.js';
import { poolKernels } from './pools.js';
import { productKernels } from './products.js';
import { randomKernels } from './random.js';
import { reductionKernels } from './reductions.js';
import { shapeKernels } from './shapes.js';
import { sparseKernels } from './sparse.js';
import { unaryKernels } from './unary.js';

/** The kernels that are operations of TensorFlow's. */
export const operationKernels: readonly tf.KernelConfig[] = [
  ...unaryKernels,
  ...binaryKernels,
  ...randomKernels,
  ...reductionKernels,
  ...shapeKernels,
  ...indexingKernels,
  ...productKernels,
  ...complexKernels,
  ...convolutionKernels,
  ...poolKernels,
  ...normalizationKernels,
  ...imageKernels,
  ...sparseKernels,
];
