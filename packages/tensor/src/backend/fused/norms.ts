import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { layerNormBackwardKernel, layerNormKernel } from '../../ops/layerNorm.js';
import { rmsNormBackwardKernel, rmsNormKernel } from '../../ops/rmsNorm.js';
import { kernel } from '../kernel.js';
import type { ScmoeBackend } from '../ScmoeBackend.js';
import { noteSquares } from '../sumsOfSquares.js';
import { rowsOf } from './elements.js';

interface Backward {
  dOut: TensorInfo;
  x: TensorInfo;
  weight: TensorInfo;
  rstd: TensorInfo;
  /** What the gradient of x is added to, in the same memory. */
  sum?: TensorInfo;
}

/** Where the gradient of x goes. */
function placeOf(backend: ScmoeBackend, { x, sum }: Backward): { dx: TensorInfo; adds: boolean } {
  if (sum) noteSquares(sum.dataId, undefined);
  return { dx: sum ? backend.alias(sum) : backend.output(x.shape), adds: sum !== undefined };
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
  kernel<Backward & { mean: TensorInfo }>(layerNormBackwardKernel, (backend, inputs) => {
    const { dOut, x, weight, mean, rstd } = inputs;
    const { dx, adds } = placeOf(backend, inputs);
    const dWeight = backend.output(weight.shape);
    const dBias = backend.output(weight.shape);
    loadAddon().layerNormBackward({
      ...{ rows: rowsOf(x), d: x.shape.at(-1)!, adds },
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
  kernel<Backward>(rmsNormBackwardKernel, (backend, inputs) => {
    const { dOut, x, weight, rstd } = inputs;
    const { dx, adds } = placeOf(backend, inputs);
    const dWeight = backend.output(weight.shape);
    loadAddon().rmsNormBackward({
      ...{ rows: rowsOf(x), d: x.shape.at(-1)!, adds },
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
