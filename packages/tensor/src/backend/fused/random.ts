import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs';

import { fillNormal, fillUniform } from '../../random/fillRandom.js';
import {
  randomNormalKernel,
  randomUniformKernel,
  type RandomNormalAttributes,
  type RandomUniformAttributes,
} from '../../random/randomTensors.js';
import { seedOfWords } from '../../random/Seed.js';
import { kernel } from '../kernel.js';

type Inputs = Record<'seed', TensorInfo>;

// In JavaScript, whose logarithm and cosine are the same on every machine; a captured step asks them again, for its seed.
export const randomKernels: KernelConfig[] = [
  kernel<Inputs, RandomUniformAttributes>(randomUniformKernel, (backend, { seed }, { shape, stream, offset }) => {
    const out = backend.output(shape);
    const [values, words] = [backend.floats(out), backend.ints(seed)];
    backend.live(() => fillUniform(values, { seed: seedOfWords(words), stream, offset }));
    return out;
  }),

  kernel<Inputs, RandomNormalAttributes>(randomNormalKernel, (backend, { seed }, { shape, ...attributes }) => {
    const out = backend.output(shape);
    const [values, words] = [backend.floats(out), backend.ints(seed)];
    backend.live(() => fillNormal(values, { seed: seedOfWords(words), ...attributes }));
    return out;
  }),
];
