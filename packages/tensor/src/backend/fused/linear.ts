import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { linearBackwardKernel, linearKernel, type LinearAttributes } from '../../ops/linear.js';
import { costlyKernel } from '../costlyKernel.js';
import { kernel } from '../kernel.js';
import type { ScmoeBackend } from '../ScmoeBackend.js';
import { rowsOf } from './elements.js';

/** Operands of a layer. */
interface Layer {
  x: TensorInfo;
  weight: TensorInfo;
  bias?: TensorInfo;
}

/** One layer, whichever way its weight is kept. */
export function runLinear(
  backend: ScmoeBackend,
  { x, weight, bias }: Layer,
  { activation, float32, keepForGradient }: LinearAttributes,
): TensorInfo[] {
  const [dIn, dOut] = weight.shape as [number, number];
  const y = backend.output([...x.shape.slice(0, -1), dOut]);
  const operands = {
    ...{ rows: rowsOf(y), dIn, dOut, activation, float32 },
    ...{ x: backend.floats(x), bias: bias && backend.floats(bias), y: backend.floats(y) },
  };
  const stored = keepForGradient ? undefined : backend.stored(weight);
  if (stored) {
    const { blocks, weight: numbers, scales } = stored[0];
    loadAddon().storedLinear({ ...operands, blocks, weight: numbers, scales });
    return [y];
  }
  const transposed = keepForGradient ? undefined : backend.transposed(weight);
  if (transposed) {
    const { format, matrices } = transposed[0];
    loadAddon().transposedLinear({ ...operands, format, weight: matrices });
    return [y];
  }
  const pre = keepForGradient && activation !== 'none' ? backend.output(y.shape) : undefined;
  loadAddon().linearForward({ ...operands, weight: backend.floats(weight), pre: pre && backend.floats(pre) });
  return pre ? [y, pre] : [y];
}

export const linearKernels = [
  costlyKernel<Layer, LinearAttributes>(linearKernel, runLinear),
  kernel<{ dOut: TensorInfo; x: TensorInfo; weight: TensorInfo; preActivation?: TensorInfo }, LinearAttributes>(
    linearBackwardKernel,
    (backend, { dOut: dy, x, weight, preActivation }, { activation, float32 }) => {
      const [dIn, dOut] = weight.shape as [number, number];
      const dx = backend.output(x.shape);
      const dWeight = backend.output(weight.shape);
      const dBias = backend.output([dOut]);
      loadAddon().linearBackward({
        rows: rowsOf(dy),
        dIn,
        dOut,
        activation,
        float32,
        dy: backend.floats(dy),
        x: backend.floats(x),
        weight: backend.floats(weight),
        pre: preActivation && backend.floats(preActivation),
        dx: backend.floats(dx),
        dWeight: backend.floats(dWeight),
        dBias: backend.floats(dBias),
      });
      return [dx, dWeight, dBias];
    },
  ),
];
