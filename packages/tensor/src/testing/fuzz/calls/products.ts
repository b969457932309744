import { kernelCall, listKernelCall, type Generator, type Operands } from '../Call.js';
import type { Draw } from '../Draw.js';

const activations = ['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu', 'prelu'];

/** Bias, activation and its numbers, for an output with `channels` last. */
export function fusedExtras(draw: Draw, channels: number): { operands: Operands; attributes: Record<string, unknown> } {
  const activation = draw.pick(activations);
  return {
    operands: {
      bias: draw.chance(0.6) ? draw.floats(draw.chance(0.2) ? [1] : [channels]) : undefined,
      preluActivationWeights: activation === 'prelu' ? draw.floats([channels]) : undefined,
    },
    attributes: { activation, leakyreluAlpha: activation === 'leakyrelu' ? 0.3 : undefined },
  };
}

function factors(draw: Draw): { operands: { a: Operands[string]; b: Operands[string] }; n: number; transpose: object } {
  const [m, k, n] = [draw.size(), draw.size(), draw.size()];
  const transposeA = draw.chance(0.4);
  const transposeB = draw.chance(0.4);
  const batch = draw.shape(draw.pick([0, 1, 1, 2]));
  const ones = batch.map((size) => (draw.chance(0.2) ? 1 : size));
  const dtype = draw.chance(0.9) ? 'float32' : 'int32';
  const a = draw.tensor([...batch, ...(transposeA ? [k, m] : [m, k])], dtype);
  const b = draw.tensor([...ones, ...(transposeB ? [n, k] : [k, n])], dtype);
  return { operands: { a, b }, n, transpose: { transposeA, transposeB } };
}

export const productCalls: Generator[] = [
  {
    kernel: 'BatchMatMul',
    draw: (draw) => {
      const { operands, transpose } = factors(draw);
      return kernelCall('BatchMatMul', operands, { ...transpose });
    },
  },
  {
    kernel: '_FusedMatMul',
    draw: (draw) => {
      const { operands, n, transpose } = factors(draw);
      const extras = fusedExtras(draw, n);
      return kernelCall('_FusedMatMul', { ...operands, ...extras.operands }, { ...transpose, ...extras.attributes });
    },
  },
  {
    kernel: 'Einsum',
    draw: (draw) => {
      const [i, j, k] = [draw.size(1), draw.size(1), draw.size(1)];
      const [equation, ...shapes] = draw.pick([
        ['ij,jk->ik', [i, j], [j, k]],
        ['ij,kj->ki', [i, j], [k, j]],
        ['kij,kj->ki', [k, i, j], [k, j]],
        ['ij->ji', [i, j]],
        ['i,i->', [i], [i]],
        ['kij,jk->ki', [k, i, j], [j, k]],
        ['i,j->ji', [i], [j]],
        ['ikj,jk->ij', [i, k, j], [j, k]],
      ] as [string, ...number[][]][]);
      return listKernelCall(
        'Einsum',
        shapes.map((shape) => draw.floats(shape)),
        { equation },
      );
    },
  },
  {
    kernel: 'FFT',
    draw: (draw) => kernelCall('FFT', { input: draw.tensor(draw.shape(draw.int(1, 3), 1), 'complex64') }),
  },
  {
    kernel: 'IFFT',
    draw: (draw) => kernelCall('IFFT', { input: draw.tensor(draw.shape(draw.int(1, 3), 1), 'complex64') }),
  },
];
