import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { layerNormGradKernel, layerNormKernel } from '../../ops/layerNorm.js';
import { rmsNormGradKernel, rmsNormKernel } from '../../ops/rmsNorm.js';
import { kernel } from '../kernel.js';
import { rowsOf } from './elements.js';

type Floats = Float32Array;
interface Functions {
  layerNormForward: (
    rows: number,
    d: number,
    x: Floats,
    weight: Floats,
    bias: Floats,
    epsilon: number,
    y: Floats,
    mean: Floats,
    rstd: Floats,
  ) => void;
  layerNormBackward: (
    rows: number,
    d: number,
    dy: Floats,
    x: Floats,
    weight: Floats,
    mean: Floats,
    rstd: Floats,
    dx: Floats,
    dWeight: Floats,
    dBias: Floats,
  ) => void;
  rmsNormForward: (
    rows: number,
    d: number,
    x: Floats,
    weight: Floats,
    epsilon: number,
    y: Floats,
    rstd: Floats,
  ) => void;
  rmsNormBackward: (
    rows: number,
    d: number,
    dy: Floats,
    x: Floats,
    weight: Floats,
    rstd: Floats,
    dx: Floats,
    dWeight: Floats,
  ) => void;
}
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
      const outputs = [backend.output(x.shape), backend.output([rows]), backend.output([rows])] as const;
      const [y, mean, rstd] = outputs.map((tensor) => backend.floats(tensor)) as [Floats, Floats, Floats];
      const inputs = [backend.floats(x), backend.floats(weight), backend.floats(bias)] as const;
      loadAddon<Functions>().layerNormForward(rows, x.shape.at(-1)!, ...inputs, epsilon, y, mean, rstd);
      return [...outputs];
    },
  ),
  kernel<Backward & { mean: TensorInfo }>(layerNormGradKernel, (backend, { dOut, x, weight, mean, rstd }) => {
    const outputs = [backend.output(x.shape), backend.output(weight.shape), backend.output(weight.shape)] as const;
    const [dx, dWeight, dBias] = outputs.map((tensor) => backend.floats(tensor)) as [Floats, Floats, Floats];
    loadAddon<Functions>().layerNormBackward(
      rowsOf(x),
      x.shape.at(-1)!,
      backend.floats(dOut),
      backend.floats(x),
      backend.floats(weight),
      backend.floats(mean),
      backend.floats(rstd),
      dx,
      dWeight,
      dBias,
    );
    return [...outputs];
  }),
  kernel<{ x: TensorInfo; weight: TensorInfo }, { epsilon: number }>(
    rmsNormKernel,
    (backend, { x, weight }, { epsilon }) => {
      const rows = rowsOf(x);
      const y = backend.output(x.shape);
      const rstd = backend.output([rows]);
      loadAddon<Functions>().rmsNormForward(
        rows,
        x.shape.at(-1)!,
        backend.floats(x),
        backend.floats(weight),
        epsilon,
        backend.floats(y),
        backend.floats(rstd),
      );
      return [y, rstd];
    },
  ),
  kernel<Backward>(rmsNormGradKernel, (backend, { dOut, x, weight, rstd }) => {
    const dx = backend.output(x.shape);
    const dWeight = backend.output(weight.shape);
    loadAddon<Functions>().rmsNormBackward(
      rowsOf(x),
      x.shape.at(-1)!,
      backend.floats(dOut),
      backend.floats(x),
      backend.floats(weight),
      backend.floats(rstd),
      backend.floats(dx),
      backend.floats(dWeight),
    );
    return [dx, dWeight];
  }),
];
