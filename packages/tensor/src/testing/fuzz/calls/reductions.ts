import { kernelCall, type Generator } from '../Call.js';
import type { Draw } from '../Draw.js';

const reductions: Generator[] = ['Sum', 'Prod', 'Mean', 'Max', 'Min', 'All', 'Any'].map((kernel) => ({
  kernel,
  draw: (draw) => {
    const shape = draw.shape();
    const axes = draw.chance(0.3) ? draw.axis(shape.length) : draw.some(shape.length);
    const isTruth = kernel === 'All' || kernel === 'Any';
    const x =
      kernel === 'Prod'
        ? draw.floats(shape, { low: 0.8, high: 1.2 })
        : draw.tensor(shape, isTruth ? 'bool' : undefined);
    // Sum and its kin read `axis`, Max and Min `reductionIndices`: tf.js passes both under the first name.
    return kernelCall(kernel, { x }, { [reductionName(kernel)]: axes, keepDims: draw.chance(0.5) });
  },
}));

function reductionName(kernel: string): string {
  return kernel === 'Max' ? 'reductionIndices' : 'axis';
}

const argReductions: Generator[] = ['ArgMax', 'ArgMin'].map((kernel) => ({
  kernel,
  draw: (draw) => {
    const shape = draw.shape(draw.int(1, 6));
    return kernelCall(kernel, { x: draw.tensor(shape) }, { axis: draw.axis(shape.length) });
  },
}));

const runningSums: Generator[] = ['Cumsum', 'Cumprod'].map((kernel) => ({
  kernel,
  draw: (draw) => {
    const shape = draw.shape(draw.int(1, 5));
    // On another axis than the last the functions transpose first.
    const attributes = { axis: lastAxis(draw, shape), exclusive: draw.chance(0.5), reverse: draw.chance(0.5) };
    return kernelCall(kernel, { x: draw.floats(shape, { low: 0.7, high: 1.4 }) }, attributes);
  },
}));

function lastAxis(draw: Draw, shape: number[]): number {
  return draw.chance(0.2) ? draw.axis(shape.length) : shape.length - 1;
}

export const reductionCalls: Generator[] = [
  ...reductions,
  ...argReductions,
  ...runningSums,
  {
    kernel: 'Softmax',
    draw: (draw) => {
      const shape = draw.shape(draw.int(1, 5));
      return kernelCall('Softmax', { logits: draw.floats(shape, { specials: true }) }, { dim: lastAxis(draw, shape) });
    },
  },
  {
    kernel: 'TopK',
    draw: (draw) => {
      const shape = draw.shape(draw.int(1, 4), 1);
      const x = draw.chance(0.7) ? draw.floats(shape) : draw.ints(shape, -3, 3);
      return kernelCall('TopK', { x }, { k: draw.int(1, shape.at(-1)!), sorted: draw.chance(0.9) });
    },
  },
  {
    kernel: 'Multinomial',
    draw: (draw) => {
      const normalized = draw.chance(0.5);
      const shape = draw.shape(2, 1);
      const logits = normalized ? draw.floats(shape, { low: 0, high: 0.5 }) : draw.floats(shape);
      const seed = draw.chance(0.5) ? draw.int(1, 99) : draw.uniform();
      return kernelCall('Multinomial', { logits }, { numSamples: draw.int(0, 9), seed, normalized });
    },
  },
  {
    kernel: 'Bincount',
    draw: (draw) => {
      const shape = [draw.size()];
      const weights = draw.chance(0.5) ? draw.floats(shape) : draw.floats([0]);
      return kernelCall('Bincount', { x: draw.ints(shape, 0, 9), weights }, { size: draw.int(0, 8) });
    },
  },
  {
    kernel: 'DenseBincount',
    draw: (draw) => {
      const shape = draw.shape(draw.int(1, 2));
      const weights = draw.chance(0.5) ? draw.floats(shape) : draw.floats([0]);
      return kernelCall(
        'DenseBincount',
        { x: draw.ints(shape, 0, 9), weights },
        { size: draw.int(0, 8), binaryOutput: draw.chance(0.5) },
      );
    },
  },
  {
    kernel: 'SearchSorted',
    draw: (draw) => {
      const rows = draw.size(1);
      const sorted = draw.list(rows, () => draw.list(draw.int(4, 4), () => draw.uniform(-3, 3)).sort((a, b) => a - b));
      return kernelCall(
        'SearchSorted',
        {
          sortedSequence: { shape: [rows, 4], dtype: 'float32', values: sorted.flat() },
          values: draw.floats([rows, draw.size()]),
        },
        { side: draw.pick(['left', 'right']) },
      );
    },
  },
  {
    kernel: 'Unique',
    draw: (draw) => {
      const shape = draw.shape(draw.int(1, 3), 1);
      return kernelCall('Unique', { x: draw.ints(shape, -2, 2) }, { axis: draw.int(0, shape.length - 1) });
    },
  },
];
