import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { swigluGradKernel, swigluKernel, type SwigluAttributes } from '../../ops/swiglu.js';
import { kernel } from '../kernel.js';
import { rowsOf } from './elements.js';

interface Functions {
  /** (rows, d, f, x, gate, up, down, y, gated?, raised?) */
  swigluForward: (rows: number, d: number, f: number, ...arrays: Float32Array[]) => void;
  /** (rows, d, f, dy, x, gate, up, down, gated, raised, dx, dGate, dUp, dDown) */
  swigluBackward: (rows: number, d: number, f: number, ...arrays: Float32Array[]) => void;
}
interface Forward {
  x: TensorInfo;
  gate: TensorInfo;
  up: TensorInfo;
  down: TensorInfo;
}

export const swigluKernels = [
  kernel<Forward, SwigluAttributes>(swigluKernel, (backend, { x, gate, up, down }, { keepForGradient }) => {
    const [d, f] = gate.shape as [number, number];
    const rows = rowsOf(x);
    const kept = keepForGradient ? [backend.output([rows, f]), backend.output([rows, f])] : [];
    const outputs = [backend.output(x.shape), ...kept];
    const arrays = [x, gate, up, down, ...outputs].map((tensor) => backend.floats(tensor));
    loadAddon<Functions>().swigluForward(rows, d, f, ...arrays);
    return outputs;
  }),
  kernel<Forward & { dOut: TensorInfo; gated: TensorInfo; raised: TensorInfo }>(
    swigluGradKernel,
    (backend, { dOut, x, gate, up, down, gated, raised }) => {
      const [d, f] = gate.shape as [number, number];
      const outputs = [x, gate, up, down].map((tensor) => backend.output(tensor.shape));
      const arrays = [dOut, x, gate, up, down, gated, raised, ...outputs].map((tensor) => backend.floats(tensor));
      loadAddon<Functions>().swigluBackward(rowsOf(x), d, f, ...arrays);
      return outputs;
    },
  ),
];
