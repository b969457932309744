import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { crossEntropyGradKernel, crossEntropyKernel } from '../../ops/softmaxCrossEntropy.js';
import { kernel } from '../kernel.js';

type Floats = Float32Array;
interface Functions {
  crossEntropyForward: (
    rows: number,
    classes: number,
    logits: Floats,
    targets: Int32Array,
    ignoreIndex: number,
    labelSmoothing: number,
    loss: Floats,
    logsumexp: Floats,
    counted: Floats,
  ) => void;
  crossEntropyBackward: (
    rows: number,
    classes: number,
    logits: Floats,
    targets: Int32Array,
    ignoreIndex: number,
    labelSmoothing: number,
    logsumexp: Floats,
    counted: Floats,
    dLoss: Floats,
    dLogits: Floats,
  ) => void;
}
interface Options {
  ignoreIndex: number;
  labelSmoothing: number;
}

export const crossEntropyKernels = [
  kernel<{ logits: TensorInfo; targets: TensorInfo }, Options>(
    crossEntropyKernel,
    (backend, { logits, targets }, { ignoreIndex, labelSmoothing }) => {
      const [rows, classes] = logits.shape as [number, number];
      const outputs = [backend.output([]), backend.output([rows]), backend.output([])];
      const [loss, logsumexp, counted] = outputs.map((tensor) => backend.floats(tensor)) as [Floats, Floats, Floats];
      const { crossEntropyForward } = loadAddon<Functions>();
      const data = [backend.floats(logits), backend.ints(targets)] as const;
      crossEntropyForward(rows, classes, ...data, ignoreIndex, labelSmoothing, loss, logsumexp, counted);
      return outputs;
    },
  ),
  kernel<
    { dOut: TensorInfo; logits: TensorInfo; targets: TensorInfo; logsumexp: TensorInfo; counted: TensorInfo },
    Options
  >(
    crossEntropyGradKernel,
    (backend, { dOut, logits, targets, logsumexp, counted }, { ignoreIndex, labelSmoothing }) => {
      const [rows, classes] = logits.shape as [number, number];
      const dLogits = backend.output(logits.shape);
      loadAddon<Functions>().crossEntropyBackward(
        rows,
        classes,
        backend.floats(logits),
        backend.ints(targets),
        ignoreIndex,
        labelSmoothing,
        backend.floats(logsumexp),
        backend.floats(counted),
        backend.floats(dOut),
        backend.floats(dLogits),
      );
      return dLogits;
    },
  ),
];
