import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { crossEntropyBackwardKernel, crossEntropyKernel } from '../../ops/softmaxCrossEntropy.js';
import { kernel } from '../kernel.js';

interface Options {
  ignoreIndex: number;
  labelSmoothing: number;
}

export const crossEntropyKernels = [
  kernel<{ logits: TensorInfo; targets: TensorInfo }, Options>(
    crossEntropyKernel,
    (backend, { logits, targets }, { ignoreIndex, labelSmoothing }) => {
      const [rows, classes] = logits.shape as [number, number];
      const loss = backend.output([]);
      const logsumexp = backend.output([rows]);
      const counted = backend.output([]);
      loadAddon().crossEntropyForward({
        rows,
        classes,
        ignoreIndex,
        labelSmoothing,
        logits: backend.floats(logits),
        targets: backend.ints(targets),
        loss: backend.floats(loss),
        logsumexp: backend.floats(logsumexp),
        counted: backend.floats(counted),
      });
      return [loss, logsumexp, counted];
    },
  ),
  kernel<
    { dOut: TensorInfo; logits: TensorInfo; targets: TensorInfo; logsumexp: TensorInfo; counted: TensorInfo },
    Options
  >(
    crossEntropyBackwardKernel,
    (backend, { dOut, logits, targets, logsumexp, counted }, { ignoreIndex, labelSmoothing }) => {
      const [rows, classes] = logits.shape as [number, number];
      const dLogits = backend.output(logits.shape);
      loadAddon().crossEntropyBackward({
        rows,
        classes,
        ignoreIndex,
        labelSmoothing,
        logits: backend.floats(logits),
        targets: backend.ints(targets),
        logsumexp: backend.floats(logsumexp),
        counted: backend.floats(counted),
        dLoss: backend.floats(dOut),
        dLogits: backend.floats(dLogits),
      });
      return dLogits;
    },
  ),
];
