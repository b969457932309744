import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { linearCrossEntropyKernel, type LinearCrossEntropyAttributes } from '../../ops/linearCrossEntropy.js';
import { costlyKernel } from '../costlyKernel.js';

type Inputs = Record<'x' | 'weight' | 'targets', TensorInfo> & { bias?: TensorInfo };

export const linearCrossEntropyKernels = [
  costlyKernel<Inputs, LinearCrossEntropyAttributes>(
    linearCrossEntropyKernel,
    (backend, { x, weight, targets, bias }, { transposeWeight, ignoreIndex, labelSmoothing, wantsGradients }) => {
      const [rows, dIn] = x.shape as [number, number];
      const loss = backend.output([]);
      const inputs = [x, weight, ...(bias ? [bias] : [])];
      const gradients = wantsGradients ? inputs.map(({ shape }) => backend.output(shape)) : [];
      const [dx, dWeight, dBias] = gradients.map((gradient) => backend.floats(gradient));
      loadAddon().linearCrossEntropy({
        rows,
        dIn,
        classes: weight.shape[transposeWeight ? 0 : 1]!,
        transposed: transposeWeight,
        ignoreIndex,
        labelSmoothing,
        x: backend.floats(x),
        weight: backend.floats(weight),
        bias: bias && backend.floats(bias),
        targets: backend.ints(targets),
        loss: backend.floats(loss),
        dx,
        dWeight,
        dBias,
      });
      return [loss, ...gradients];
    },
  ),
];
