import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { activationCode, type Activation } from '../../ops/activation.js';
import {
  groupedFfnGradKernel,
  groupedFfnKernel,
  groupedSwigluGradKernel,
  groupedSwigluKernel,
  type GroupedFfnAttributes,
} from '../../ops/groupedFfn.js';
import { kernel } from '../kernel.js';
import type { ScmoeBackend } from '../ScmoeBackend.js';

type Floats = Float32Array;
/** numExperts, rows, d, f, capacity, counts */
type Group = [number, number, number, number, number, Int32Array];
interface Functions {
  /** (...group, activation, x, w1, b1?, w2, b2?, y, pre?, hidden?) */
  groupedFfnForward: (...args: [...Group, number, ...(Floats | undefined)[]]) => void;
  /** (...group, activation, dy, x, w1, w2, pre, hidden, dx, dW1, dB1, dW2, dB2) */
  groupedFfnBackward: (...args: [...Group, number, ...Floats[]]) => void;
  /** (...group, x, gate, up, down, y, gated?, raised?) */
  groupedSwigluForward: (...args: [...Group, ...Floats[]]) => void;
  /** (...group, dy, x, gate, up, down, gated, raised, dx, dGate, dUp, dDown) */
  groupedSwigluBackward: (...args: [...Group, ...Floats[]]) => void;
}
interface Rows {
  rows: TensorInfo;
  counts: TensorInfo;
}
interface TwoLayer {
  w1: TensorInfo;
  b1?: TensorInfo;
  w2: TensorInfo;
  b2?: TensorInfo;
}
interface Swiglu {
  gate: TensorInfo;
  up: TensorInfo;
  down: TensorInfo;
}

/** The result, and two hidden layers where the gradient will want them. */
function outputsOf(backend: ScmoeBackend, rows: number, d: number, f: number, keepForGradient: boolean): TensorInfo[] {
  const shapes = keepForGradient ? [d, f, f] : [d];
  return shapes.map((width) => backend.output([rows, width]));
}

export const groupedFfnKernels = [
  kernel<Rows & TwoLayer, GroupedFfnAttributes>(
    groupedFfnKernel,
    (backend, { rows, counts, w1, b1, w2, b2 }, { activation, capacity, keepForGradient }) => {
      const [numExperts, d, f] = w1.shape as [number, number, number];
      const numRows = rows.shape[0]!;
      const outputs = outputsOf(backend, numRows, d, f, keepForGradient);
      const arrays = [rows, w1, b1, w2, b2, ...outputs].map((tensor) => tensor && backend.floats(tensor));
      const group: Group = [numExperts, numRows, d, f, capacity, backend.ints(counts)];
      loadAddon<Functions>().groupedFfnForward(...group, activationCode(activation as Activation), ...arrays);
      return outputs;
    },
  ),
  kernel<Rows & TwoLayer & { dOut: TensorInfo; pre: TensorInfo; hidden: TensorInfo }, GroupedFfnAttributes>(
    groupedFfnGradKernel,
    (backend, { dOut, rows, counts, w1, w2, pre, hidden }, { activation, capacity }) => {
      const [numExperts, d, f] = w1.shape as [number, number, number];
      const shapes = [rows.shape, w1.shape, [numExperts, f], w2.shape, [numExperts, d]];
      const outputs = shapes.map((shape) => backend.output(shape));
      const arrays = [dOut, rows, w1, w2, pre, hidden, ...outputs].map((tensor) => backend.floats(tensor));
      const group: Group = [numExperts, rows.shape[0]!, d, f, capacity, backend.ints(counts)];
      loadAddon<Functions>().groupedFfnBackward(...group, activationCode(activation as Activation), ...arrays);
      return outputs;
    },
  ),
  kernel<Rows & Swiglu, GroupedFfnAttributes>(
    groupedSwigluKernel,
    (backend, { rows, counts, gate, up, down }, { capacity, keepForGradient }) => {
      const [numExperts, d, f] = gate.shape as [number, number, number];
      const numRows = rows.shape[0]!;
      const outputs = outputsOf(backend, numRows, d, f, keepForGradient);
      const arrays = [rows, gate, up, down, ...outputs].map((tensor) => backend.floats(tensor));
      const group: Group = [numExperts, numRows, d, f, capacity, backend.ints(counts)];
      loadAddon<Functions>().groupedSwigluForward(...group, ...arrays);
      return outputs;
    },
  ),
  kernel<Rows & Swiglu & { dOut: TensorInfo; gated: TensorInfo; raised: TensorInfo }, GroupedFfnAttributes>(
    groupedSwigluGradKernel,
    (backend, { dOut, rows, counts, gate, up, down, gated, raised }, { capacity }) => {
      const [numExperts, d, f] = gate.shape as [number, number, number];
      const outputs = [rows, gate, up, down].map((tensor) => backend.output(tensor.shape));
      const arrays = [dOut, rows, gate, up, down, gated, raised, ...outputs].map((tensor) => backend.floats(tensor));
      const group: Group = [numExperts, rows.shape[0]!, d, f, capacity, backend.ints(counts)];
      loadAddon<Functions>().groupedSwigluBackward(...group, ...arrays);
      return outputs;
    },
  ),
];
