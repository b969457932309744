import type { TensorInfo } from '@tensorflow/tfjs';

import { activations, type Activation, groupedKernels, type GroupedFfnAttributes } from '@scmoe/tensor';

import { kernel } from '../backend/kernel.js';
import type { TensorFlowBackend } from '../backend/TensorFlowBackend.js';
import { customCall } from './customCall.js';

interface Rows {
  rows: TensorInfo;
  counts: TensorInfo;
}

type TwoLayer = Record<'w1' | 'w2', TensorInfo> & Partial<Record<'b1' | 'b2', TensorInfo>>;
type Swiglu = Record<'gate' | 'up' | 'down', TensorInfo>;

/** Experts by the kernels of backend `scmoe`, called from within a step that XLA compiles. */
export const expertKernels = [
  kernel<Rows & TwoLayer, GroupedFfnAttributes>(groupedKernels.ffn, (backend, inputs, attributes) => {
    const { rows, counts, w1, w2 } = inputs;
    const [numExperts, d, f] = w1.shape as [number, number, number];
    const b1 = inputs.b1 ?? zeros(backend, [numExperts, f]);
    const b2 = inputs.b2 ?? zeros(backend, [numExperts, d]);
    const results = [rows.shape, ...kept(attributes, [rows.shape[0]!, f])];
    const call = { target: 'scmoe_grouped_ffn', numbers: numbersOf(attributes), results };
    return customCall(backend, call, [rows, counts, w1, b1, w2, b2]);
  }),
  kernel<Rows & TwoLayer & Record<'dOut' | 'pre' | 'hidden', TensorInfo>, GroupedFfnAttributes>(
    groupedKernels.ffnBackward,
    (backend, { dOut, rows, counts, w1, w2, pre, hidden }, attributes) => {
      const [numExperts, d, f] = w1.shape as [number, number, number];
      const results = [rows.shape, w1.shape, [numExperts, f], w2.shape, [numExperts, d]];
      const call = { target: 'scmoe_grouped_ffn_backward', numbers: numbersOf(attributes), results };
      return customCall(backend, call, [dOut, rows, counts, w1, w2, pre, hidden]);
    },
  ),
  kernel<Rows & Swiglu, GroupedFfnAttributes>(
    groupedKernels.swiglu,
    (backend, { rows, counts, gate, up, down }, attributes) => {
      const results = [rows.shape, ...kept(attributes, [rows.shape[0]!, gate.shape[2]!])];
      const call = { target: 'scmoe_grouped_swiglu', numbers: { capacity: attributes.capacity }, results };
      return customCall(backend, call, [rows, counts, gate, up, down]);
    },
  ),
  kernel<Rows & Swiglu & Record<'dOut' | 'gated' | 'raised', TensorInfo>, GroupedFfnAttributes>(
    groupedKernels.swigluBackward,
    (backend, { dOut, rows, counts, gate, up, down, gated, raised }, { capacity }) => {
      const results = [rows.shape, gate.shape, up.shape, down.shape];
      const call = { target: 'scmoe_grouped_swiglu_backward', numbers: { capacity }, results };
      return customCall(backend, call, [dOut, rows, counts, gate, up, down, gated, raised]);
    },
  ),
];

function numbersOf({ activation, capacity }: GroupedFfnAttributes): Record<string, number> {
  return { activation: activations.indexOf(activation as Activation), capacity };
}

/** The hidden layer before and behind its activation, where a gradient will ask for both. */
function kept({ keepForGradient }: GroupedFfnAttributes, shape: number[]): number[][] {
  return keepForGradient ? [shape, shape] : [];
}

function zeros(backend: TensorFlowBackend, shape: readonly number[]): TensorInfo {
  return backend.run('Fill', [backend.ints(shape), backend.constant('float32', [], [0])]);
}
