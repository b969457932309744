import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { swigluBackwardKernel, swigluKernel, type SwigluAttributes } from '../../ops/swiglu.js';
import { costlyKernel } from '../costlyKernel.js';
import { kernel } from '../kernel.js';
import { rowsOf } from './elements.js';
import { swigluArguments, transposedSwigluArguments } from './swigluArguments.js';

interface Forward {
  x: TensorInfo;
  gate: TensorInfo;
  up: TensorInfo;
  down: TensorInfo;
}

export const swigluKernels = [
  costlyKernel<Forward, SwigluAttributes>(swigluKernel, (backend, { x, gate, up, down }, { keepForGradient }) => {
    const [d, f] = gate.shape as [number, number];
    const rows = rowsOf(x);
    const y = backend.output(x.shape);
    const oneExpert = () => ({
      ...{ numExperts: 1, capacity: 0, counts: Int32Array.of(rows), rows, d, f },
      ...{ x: backend.floats(x), y: backend.floats(y) },
    });
    const stored = keepForGradient ? undefined : backend.stored(gate, up, down);
    if (stored) {
      loadAddon().storedGroupedSwiglu({ ...oneExpert(), ...swigluArguments(stored) });
      return [y];
    }
    const transposed = keepForGradient ? undefined : backend.transposed(gate, up, down);
    if (transposed) {
      loadAddon().transposedGroupedSwiglu({ ...oneExpert(), ...transposedSwigluArguments(transposed) });
      return [y];
    }
    const [gated, raised] = keepForGradient ? [backend.output([rows, f]), backend.output([rows, f])] : [];
    loadAddon().swigluForward({
      rows,
      d,
      f,
      x: backend.floats(x),
      gate: backend.floats(gate),
      up: backend.floats(up),
      down: backend.floats(down),
      y: backend.floats(y),
      gated: gated && backend.floats(gated),
      raised: raised && backend.floats(raised),
    });
    return gated && raised ? [y, gated, raised] : [y];
  }),
  kernel<Forward & { dOut: TensorInfo; gated: TensorInfo; raised: TensorInfo }>(
    swigluBackwardKernel,
    (backend, { dOut, x, gate, up, down, gated, raised }) => {
      const [d, f] = gate.shape as [number, number];
      const dx = backend.output(x.shape);
      const dGate = backend.output(gate.shape);
      const dUp = backend.output(up.shape);
      const dDown = backend.output(down.shape);
      loadAddon().swigluBackward({
        rows: rowsOf(x),
        d,
        f,
        dy: backend.floats(dOut),
        x: backend.floats(x),
        gate: backend.floats(gate),
        up: backend.floats(up),
        down: backend.floats(down),
        gated: backend.floats(gated),
        raised: backend.floats(raised),
        dx: backend.floats(dx),
        dGate: backend.floats(dGate),
        dUp: backend.floats(dUp),
        dDown: backend.floats(dDown),
      });
      return [dx, dGate, dUp, dDown];
    },
  ),
];
