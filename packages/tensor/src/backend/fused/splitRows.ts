import type { TensorInfo } from '@tensorflow/tfjs';

import { splitRowsKernel, type SplitRowsAttributes } from '../../ops/splitRows.js';
import { kernel } from '../kernel.js';

export const splitRowsKernels = [
  kernel<{ x: TensorInfo }, SplitRowsAttributes>(splitRowsKernel, (backend, { x }, { parts }) => {
    const [rows, ...rest] = x.shape as [number, ...number[]];
    const shape = [rows / parts, ...rest];
    const size = shape.reduce((product, n) => product * n, 1);
    return Array.from({ length: parts }, (_, part) => backend.view(x, part * size, shape));
  }),
];
