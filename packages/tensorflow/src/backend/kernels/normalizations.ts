import type * as tf from '@tensorflow/tfjs';

import { attribute, type Attributes } from '../../binding/Attribute.js';
import { kernel, type Inputs } from '../kernel.js';

const responseAttributes = ({ depthRadius, bias, alpha, beta }: tf.LRNAttrs): Attributes => ({
  depth_radius: attribute.int(depthRadius),
  bias: attribute.float(bias),
  alpha: attribute.float(alpha),
  beta: attribute.float(beta),
});

type BatchNormInputs = Inputs<'x' | 'mean' | 'variance'> & { scale?: tf.TensorInfo; offset?: tf.TensorInfo };

/** Normalization by statistics that are given, and across channels. */
export const normalizationKernels: tf.KernelConfig[] = [
  kernel<BatchNormInputs, tf.FusedBatchNormAttrs>(
    'FusedBatchNorm',
    (backend, { x, mean, variance, scale, offset }, { varianceEpsilon }) => {
      // Channels are few: their factor is made first.
      const shifted = backend.run('AddV2', [variance, backend.constant('float32', [], [varianceEpsilon ?? 0.001])]);
      const inverse = backend.run('Rsqrt', [shifted]);
      const factor = scale == null ? inverse : backend.run('Mul', [inverse, scale]);
      const y = backend.run('Mul', [backend.run('Sub', [x, mean]), factor]);
      return offset == null ? y : backend.run('AddV2', [y, offset]);
    },
  ),
  kernel<Inputs<'x'>, tf.LRNAttrs>('LRN', (backend, { x }, attributes) =>
    backend.run('LRN', [x], responseAttributes(attributes)),
  ),
  kernel<Inputs<'x' | 'y' | 'dy'>, tf.LRNAttrs>('LRNGrad', (backend, { x, y, dy }, attributes) =>
    backend.run('LRNGrad', [dy, x, y], responseAttributes(attributes)),
  ),
];
