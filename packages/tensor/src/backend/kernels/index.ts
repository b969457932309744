import type { KernelConfig } from '@tensorflow/tfjs';

import { arrangeKernels } from './arrange.js';
import { batchNormKernels } from './batchNorm.js';
import { addNKernel, binaryKernels } from './binary.js';
import { blockKernels } from './blocks.js';
import { convolutionKernels } from './convolution.js';
import { einsumKernels } from './einsum.js';
import { fillKernels } from './fill.js';
import { fourierKernels } from './fourier.js';
import { gatherKernels } from './gather.js';
import { imageKernels } from './image.js';
import { matMulKernels } from './matMul.js';
import { multinomial } from './multinomial.js';
import { poolingKernels } from './pooling.js';
import { argReduceKernels, reduceKernels } from './reduce.js';
import { reshapeKernels } from './reshape.js';
import { rowKernels } from './rows.js';
import { sliceKernels } from './slice.js';
import { suppressionKernels } from './suppression.js';
import { transform } from './transform.js';
import { unaryKernels } from './unary.js';
import { volumeKernels } from './volumes.js';

/** TF.js's own kernels that have a native version; the others stay tfjs-backend-cpu's. */
export const standardKernels: KernelConfig[] = [
  ...binaryKernels,
  addNKernel,
  ...unaryKernels,
  ...reduceKernels,
  ...argReduceKernels,
  ...reshapeKernels,
  ...sliceKernels,
  ...arrangeKernels,
  ...gatherKernels,
  ...matMulKernels,
  ...rowKernels,
  ...fillKernels,
  ...convolutionKernels,
  ...poolingKernels,
  ...volumeKernels,
  ...batchNormKernels,
  ...imageKernels,
  transform,
  ...blockKernels,
  ...einsumKernels,
  ...fourierKernels,
  multinomial,
  ...suppressionKernels,
];
