import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import type { Activation } from '../../ops/activation.js';
import {
  groupedFfnBackwardKernel,
  groupedFfnKernel,
  groupedSwigluBackwardKernel,
  groupedSwigluKernel,
  type GroupedFfnAttributes,
} from '../../ops/groupedFfn.js';
import { costlyKernel } from '../costlyKernel.js';
import { kernel } from '../kernel.js';
import type { ScmoeBackend } from '../ScmoeBackend.js';
import { notedSquares } from '../sumsOfSquares.js';
import { hiddenWords } from './hiddenWords.js';
import { swigluArguments, transposedSwigluArguments } from './swigluArguments.js';

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

/** Sizes and counts of the packed buffer; `weight` is any of the experts' first layer. */
function groupOf(backend: ScmoeBackend, { rows, counts }: Rows, weight: TensorInfo, capacity: number) {
  const [numExperts, d, f] = weight.shape as [number, number, number];
  return { numExperts, rows: rows.shape[0]!, d, f, capacity, counts: backend.ints(counts), x: backend.floats(rows) };
}

export const groupedFfnKernels = [
  costlyKernel<Rows & TwoLayer, GroupedFfnAttributes>(
    groupedFfnKernel,
    (backend, inputs, { activation, capacity, keepForGradient }) => {
      const { w1, b1, w2, b2 } = inputs;
      const group = groupOf(backend, inputs, w1, capacity);
      const y = backend.output([group.rows, group.d]);
      const stored = keepForGradient ? undefined : backend.stored(w1, w2);
      if (stored) {
        const [first, second] = stored;
        loadAddon().storedGroupedFfn({
          ...group,
          blocksIn: first.blocks,
          blocksHidden: second.blocks,
          activation: activation as Activation,
          w1: first.weight,
          w1Scales: first.scales,
          b1: b1 && backend.floats(b1),
          w2: second.weight,
          w2Scales: second.scales,
          b2: b2 && backend.floats(b2),
          y: backend.floats(y),
        });
        return [y];
      }
      const transposed = keepForGradient ? undefined : backend.transposed(w1, w2);
      if (transposed) {
        const [first, second] = transposed;
        loadAddon().transposedGroupedFfn({
          ...group,
          activation: activation as Activation,
          w1Format: first.format,
          w1: first.matrices,
          b1: b1 && backend.floats(b1),
          w2Format: second.format,
          w2: second.matrices,
          b2: b2 && backend.floats(b2),
          y: backend.floats(y),
        });
        return [y];
      }
      const words = hiddenWords(group.f);
      const kept = () => backend.output([group.rows, words]);
      const [pre, hidden] = keepForGradient ? [kept(), kept()] : [];
      loadAddon().groupedFfnForward({
        ...group,
        words,
        activation: activation as Activation,
        w1: backend.floats(w1),
        b1: b1 && backend.floats(b1),
        w2: backend.floats(w2),
        b2: b2 && backend.floats(b2),
        y: backend.floats(y),
        pre: pre && backend.floats(pre),
        hidden: hidden && backend.floats(hidden),
      });
      return pre && hidden ? [y, pre, hidden] : [y];
    },
  ),
  kernel<Rows & TwoLayer & { dOut: TensorInfo; pre: TensorInfo; hidden: TensorInfo }, GroupedFfnAttributes>(
    groupedFfnBackwardKernel,
    (backend, inputs, { activation, capacity }) => {
      const { dOut, rows, w1, w2, pre, hidden } = inputs;
      const group = groupOf(backend, inputs, w1, capacity);
      const dx = backend.output(rows.shape);
      const dW1 = backend.output(w1.shape);
      const dB1 = backend.output([group.numExperts, group.f]);
      const dW2 = backend.output(w2.shape);
      const dB2 = backend.output([group.numExperts, group.d]);
      loadAddon().groupedFfnBackward({
        ...group,
        words: pre.shape[1]!,
        activation: activation as Activation,
        dy: backend.floats(dOut),
        w1: backend.floats(w1),
        w2: backend.floats(w2),
        pre: backend.floats(pre),
        hidden: backend.floats(hidden),
        dx: backend.floats(dx),
        dW1: backend.floats(dW1),
        dB1: backend.floats(dB1),
        dW2: backend.floats(dW2),
        dB2: backend.floats(dB2),
        squares: notedSquares([dW1, dW2]),
      });
      return [dx, dW1, dB1, dW2, dB2];
    },
  ),
  costlyKernel<Rows & Swiglu, GroupedFfnAttributes>(
    groupedSwigluKernel,
    (backend, inputs, { capacity, keepForGradient }) => {
      const { gate, up, down } = inputs;
      const group = groupOf(backend, inputs, gate, capacity);
      const y = backend.output([group.rows, group.d]);
      const stored = keepForGradient ? undefined : backend.stored(gate, up, down);
      if (stored) {
        loadAddon().storedGroupedSwiglu({ ...group, ...swigluArguments(stored), y: backend.floats(y) });
        return [y];
      }
      const transposed = keepForGradient ? undefined : backend.transposed(gate, up, down);
      if (transposed) {
        const weights = transposedSwigluArguments(transposed);
        loadAddon().transposedGroupedSwiglu({ ...group, ...weights, y: backend.floats(y) });
        return [y];
      }
      const kept = () => backend.output([group.rows, group.f]);
      const [gated, raised] = keepForGradient ? [kept(), kept()] : [];
      loadAddon().groupedSwigluForward({
        ...group,
        gate: backend.floats(gate),
        up: backend.floats(up),
        down: backend.floats(down),
        y: backend.floats(y),
        gated: gated && backend.floats(gated),
        raised: raised && backend.floats(raised),
      });
      return gated && raised ? [y, gated, raised] : [y];
    },
  ),
  kernel<Rows & Swiglu & { dOut: TensorInfo; gated: TensorInfo; raised: TensorInfo }, GroupedFfnAttributes>(
    groupedSwigluBackwardKernel,
    (backend, inputs, { capacity }) => {
      const { dOut, rows, gate, up, down, gated, raised } = inputs;
      const dx = backend.output(rows.shape);
      const dGate = backend.output(gate.shape);
      const dUp = backend.output(up.shape);
      const dDown = backend.output(down.shape);
      loadAddon().groupedSwigluBackward({
        ...groupOf(backend, inputs, gate, capacity),
        dy: backend.floats(dOut),
        gate: backend.floats(gate),
        up: backend.floats(up),
        down: backend.floats(down),
        gated: backend.floats(gated),
        raised: backend.floats(raised),
        dx: backend.floats(dx),
        dGate: backend.floats(dGate),
        dUp: backend.floats(dUp),
        dDown: backend.floats(dDown),
        squares: notedSquares([dGate, dUp, dDown]),
      });
      return [dx, dGate, dUp, dDown];
    },
  ),
];
