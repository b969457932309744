import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { activationCode } from '../../ops/activation.js';
import { linearGradKernel, linearKernel, type LinearAttributes } from '../../ops/linear.js';
import { kernel } from '../kernel.js';
import { rowsOf } from './elements.js';

type Floats = Float32Array;
interface Functions {
  linearForward: (
    rows: number,
    dIn: number,
    dOut: number,
    x: Floats,
    weight: Floats,
    bias: Floats | undefined,
    activation: number,
    float32: boolean,
    y: Floats,
    pre: Floats | undefined,
  ) => void;
  linearBackward: (
    rows: number,
    dIn: number,
    dOut: number,
    dy: Floats,
    x: Floats,
    weight: Floats,
    pre: Floats | undefined,
    activation: number,
    float32: boolean,
    dx: Floats,
    dWeight: Floats,
    dBias: Floats,
  ) => void;
}

export const linearKernels = [
  kernel<{ x: TensorInfo; weight: TensorInfo; bias?: TensorInfo }, LinearAttributes>(
    linearKernel,
    (backend, { x, weight, bias }, { activation, float32, keepForGradient }) => {
      const [dIn, dOut] = weight.shape as [number, number];
      const y = backend.output([...x.shape.slice(0, -1), dOut]);
      const pre = keepForGradient && activation !== 'none' ? backend.output(y.shape) : undefined;
      loadAddon<Functions>().linearForward(
        rowsOf(y),
        dIn,
        dOut,
        backend.floats(x),
        backend.floats(weight),
        bias && backend.floats(bias),
        activationCode(activation),
        float32,
        backend.floats(y),
        pre && backend.floats(pre),
      );
      return pre ? [y, pre] : [y];
    },
  ),
  kernel<{ dOut: TensorInfo; x: TensorInfo; weight: TensorInfo; preActivation?: TensorInfo }, LinearAttributes>(
    linearGradKernel,
    (backend, { dOut: dy, x, weight, preActivation }, { activation, float32 }) => {
      const [dIn, dOut] = weight.shape as [number, number];
      const dx = backend.output(x.shape);
      const dWeight = backend.output(weight.shape);
      const dBias = backend.output([dOut]);
      loadAddon<Functions>().linearBackward(
        rowsOf(dy),
        dIn,
        dOut,
        backend.floats(dy),
        backend.floats(x),
        backend.floats(weight),
        preActivation && backend.floats(preActivation),
        activationCode(activation),
        float32,
        backend.floats(dx),
        backend.floats(dWeight),
        backend.floats(dBias),
      );
      return [dx, dWeight, dBias];
    },
  ),
];
