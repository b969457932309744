import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { layerNormBackwardKernel, layerNormKernel } from '../../ops/layerNorm.js';
import { rmsNormBackwardKernel, rmsNormKernel } from '../../ops/rmsNorm.js';
import { kernel } from '../kernel.js';
import { rowsOf } from './elements.js';

interface Backward {
  dOut: TensorInfo;
  x: TensorInfo;
  weight: TensorInfo;
  rstd: TensorInfo;
}

export const normKernels = [
  kernel<{ x: TensorInfo; weight: TensorInfo; bias: TensorInfo }, { epsilon: number }>(
    layerNormKernel,
    (backend, { x, weight, bias }, { epsilon }) => {
      const rows = rowsOf(x);
      const y = backend.output(x.shape);
      const mean = backend.output([rows]);
      const rstd = backend.output([rows]);
      loadAddon().layerNormForward({
        rows,
        d: x.shape.at(-1)!,
        epsilon,
        x: backend.floats(x),
        weight: backend.floats(weight),
        bias: backend.floats(bias),
        y: backend.floats(y),
        mean: backend.floats(mean),
        rstd: backend.floats(rstd),
      });
      return [y, mean, rstd];
    },
  ),
  kernel<Backward & { mean: TensorInfo }>(layerNormBackwardKernel, (backend, { dOut, x, weight, mean, rstd }) => {
    const dx = backend.output(x.shape);
    const dWeight = backend.output(weight.shape);
    const dBias = backend.output(weight.shape);
    loadAddon().layerNormBackward({
      rows: rowsOf(x),
      d: x.shape.at(-1)!,
      dy: backend.floats(dOut),
      x: backend.floats(x),
      weight: backend.floats(weight),
      mean: backend.floats(mean),
      rstd: backend.floats(rstd),
      dx: backend.floats(dx),
      dWeight: backend.floats(dWeight),
      dBias: backend.floats(dBias),
    });
    return [dx, dWeight, dBias];
  }),
  kernel<{ x: TensorInfo; weight: TensorInfo }, { epsilon: number }>(
    rmsNormKernel,
    (backend, { x, weight }, { epsilon }) => {
      const rows = rowsOf(x);
      const y = backend.output(x.shape);
      const rstd = backend.output([rows]);
      loadAddon().rmsNormForward({
        rows,
        d: x.shape.at(-1)!,
        epsilon,
        x: backend.floats(x),
        weight: backend.floats(weight),
        y: backend.floats(y),
        rstd: backend.floats(rstd),
      });
      return [y, rstd];
    },
  ),
  kernel<Backward>(rmsNormBackwardKernel, (backend, { dOut, x, weight, rstd }) => {
    const dx = backend.output(x.shape);
    const dWeight = backend.output(weight.shape);
    loadAddon().rmsNormBackward({
      rows: rowsOf(x),
      d: x.shape.at(-1)!,
      dy: backend.floats(dOut),
      x: backend.floats(x),
      weight: backend.floats(weight),
      rstd: backend.floats(rstd),
      dx: backend.floats(dx),
      dWeight: backend.floats(dWeight),
    });
    return [dx, dWeight];
  }),
];
