import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { dropoutKernel } from '../../ops/dropout.js';
import { kernel } from '../kernel.js';
import { elements } from './elements.js';

type Inputs = Record<'x' | 'seed', TensorInfo>;
type Attributes = Record<'rate' | 'stream', number>;

export const dropoutKernels = [
  kernel<Inputs, Attributes>(dropoutKernel, (backend, { x, seed }, { rate, stream }) => {
    const y = backend.output(x.shape);
    loadAddon().dropout({
      count: elements(x),
      x: backend.floats(x),
      rate,
      seed: backend.ints(seed),
      stream,
      y: backend.floats(y),
    });
    return y;
  }),
];
