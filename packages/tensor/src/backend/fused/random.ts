import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import {
  randomNormalKernel,
  randomUniformKernel,
  type RandomNormalAttributes,
  type RandomUniformAttributes,
} from '../../random/randomTensors.js';
import { kernel } from '../kernel.js';
import { elements } from './elements.js';

type Inputs = Record<'seed', TensorInfo>;

export const randomKernels: KernelConfig[] = [
  kernel<Inputs, RandomUniformAttributes>(randomUniformKernel, (backend, { seed }, { shape, stream, offset }) => {
    const out = backend.output(shape);
    loadAddon().randomUniform({
      count: elements(out),
      seed: backend.ints(seed),
      stream,
      offset,
      out: backend.floats(out),
    });
    return out;
  }),

  kernel<Inputs, RandomNormalAttributes>(
    randomNormalKernel,
    (backend, { seed }, { shape, stream, offset, mean, standardDeviation }) => {
      const out = backend.output(shape);
      loadAddon().randomNormal({
        count: elements(out),
        seed: backend.ints(seed),
        stream,
        offset,
        mean,
        deviation: standardDeviation,
        out: backend.floats(out),
      });
      return out;
    },
  ),
];
