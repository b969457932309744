import type * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import type { ScmoeBackend } from '../ScmoeBackend.js';
import { sizeOf } from './dtypes.js';
import { standardKernel } from './standardKernel.js';

/** A tensor of complex numbers for parts that it owns from now on. */
function complexOf(backend: ScmoeBackend, real: tf.TensorInfo, imag: tf.TensorInfo): tf.TensorInfo {
  const info = backend.makeTensorInfo(real.shape, 'complex64');
  backend.data.get(info.dataId).complexTensorInfos = { real, imag };
  return info;
}

const fourier = (kernelName: 'FFT' | 'IFFT') =>
  standardKernel<{ input: tf.TensorInfo }>(kernelName, (backend, { input }) => {
    const parts = backend.data.get(input.dataId).complexTensorInfos;
    const columns = input.shape.at(-1);
    // Of nothing there is nothing to transform; TF.js says what it makes of that.
    if (!parts || !columns) return undefined;
    backend.refuseCapture(`its kernel ${kernelName} is of complex numbers`);
    const [real, imaginary] = [backend.output(input.shape), backend.output(input.shape)];
    loadAddon().fourier({
      ...{ rows: sizeOf(input.shape) / columns, columns, isInverse: kernelName === 'IFFT' },
      ...{ real: backend.floats(parts.real), imaginary: backend.floats(parts.imag) },
      ...{ outReal: backend.floats(real), outImaginary: backend.floats(imaginary) },
    });
    return complexOf(backend, real, imaginary);
  });

/** Fourier transforms of the last axis, of any length. TF.js makes those of real numbers of them. */
export const fourierKernels: tf.KernelConfig[] = [fourier('FFT'), fourier('IFFT')];
