import type * as tf from '@tensorflow/tfjs';

import { kernel, type Inputs } from '../kernel.js';

interface Input {
  input: tf.TensorInfo;
}

/** Complex numbers and Fourier transforms over the last axis. */
export const complexKernels: tf.KernelConfig[] = [
  kernel<Inputs<'real' | 'imag'>>('Complex', (backend, { real, imag }) => backend.run('Complex', [real, imag])),
  kernel<Input>('Real', (backend, { input }) =>
    input.dtype === 'complex64' ? backend.run('Real', [input]) : backend.alias(input),
  ),
  kernel<Input>('Imag', (backend, { input }) =>
    input.dtype === 'complex64' ? backend.run('Imag', [input]) : backend.run('ZerosLike', [input]),
  ),
  kernel('ComplexAbs', (backend, { x }) => backend.run('ComplexAbs', [x])),
  kernel<Input>('FFT', (backend, { input }) => backend.run('FFT', [input])),
  kernel<Input>('IFFT', (backend, { input }) => backend.run('IFFT', [input])),
];
