import * as tf from '@tensorflow/tfjs';

import { KeyValueCache } from '../../../cache/KeyValueCache.js';
import { RecurrentCache } from '../../../cache/RecurrentCache.js';
import { cachedAttention, rotateRows } from '../../../ops/cachedAttention.js';
import { cachedDeltaRule } from '../../../ops/cachedDeltaRule.js';
import type { DeltaRows, DeltaSizes } from '../../../ops/deltaHeads.js';
import type { Rope } from '../../../ops/rope.js';
import type { Generator, Operands } from '../Call.js';
import type { Draw } from '../Draw.js';

interface Attributes {
  numHeads: number;
  numKvHeads: number;
  rope: Rope | undefined;
  /** Tokens of each sequence in the first pass and in the second. */
  passes: [number[], number[]];
}

function drawSequences(draw: Draw, counts: () => number[]): { operands: Operands; attributes: Attributes } {
  const numKvHeads = draw.int(1, 2);
  const numHeads = numKvHeads * draw.int(1, 3);
  const size = 2 * draw.int(1, 5);
  const passes: [number[], number[]] = [counts(), counts()];
  const tokens = passes.flat().reduce((sum, count) => sum + count, 0);
  const rope: Rope | undefined = draw.pick([
    undefined,
    { style: 'half' },
    { style: 'interleaved', theta: 100 },
    { style: 'half', size: 2, factor: 1.5, frequencies: [0.25] },
  ]);
  const row = (width: number) => draw.floats([1, tokens, width]);
  return {
    operands: { q: row(numHeads * size), k: row(numKvHeads * size), v: row(numKvHeads * size) },
    attributes: { numHeads, numKvHeads, rope, passes },
  };
}

/** Two sequences that two passes continue: the second one finds what the first has left in their caches. */
function twoPasses({ q, k, v, sinks }: Record<string, tf.Tensor>, { passes, ...options }: Attributes): tf.Tensor[] {
  const caches = [new KeyValueCache(), new KeyValueCache()];
  try {
    let first = 0;
    return passes.map((counts) => {
      const count = counts.reduce((sum, each) => sum + each, 0);
      const rows = (x: tf.Tensor) => tf.slice(x, [0, first, 0], [1, count, x.shape[2]!]) as tf.Tensor3D;
      const parts = counts.map((each, i) => ({ cache: caches[i]!, count: each }));
      const out = cachedAttention(rows(q!), rows(k!), rows(v!), parts, { ...options, sinks });
      first += count;
      return out;
    });
  } finally {
    for (const cache of caches) cache.dispose();
  }
}

interface DeltaAttributes extends DeltaSizes {
  passes: [number[], number[]];
}

function drawNetworks(draw: Draw): { operands: Operands; attributes: DeltaAttributes } {
  const numKeyHeads = draw.int(1, 2);
  const numValueHeads = numKeyHeads * draw.int(1, 3);
  const [keyHeadDim, valueHeadDim, taps] = [draw.int(1, 9), draw.pick([1, 5, 8, 33]), draw.int(1, 4)];
  const counts = () => draw.list(2, () => draw.pick([1, 1, 2, 5, 40]));
  const passes: [number[], number[]] = [counts(), counts()];
  const tokens = passes.flat().reduce((sum, count) => sum + count, 0);
  const channels = 2 * numKeyHeads * keyHeadDim + numValueHeads * valueHeadDim;
  return {
    operands: {
      mixed: draw.floats([1, tokens, channels]),
      beta: draw.floats([1, tokens, numValueHeads]),
      decay: draw.floats([1, tokens, numValueHeads]),
      convolution: draw.floats([taps, channels]),
    },
    attributes: { numKeyHeads, numValueHeads, keyHeadDim, valueHeadDim, passes },
  };
}

/** Two sequences that two passes continue, whatever is drawn made a share that is kept and one that is replaced. */
function twoRecurrentPasses(
  { mixed, beta, decay, convolution }: Record<string, tf.Tensor>,
  { passes, ...sizes }: DeltaAttributes,
): tf.Tensor[] {
  const caches = [new RecurrentCache(), new RecurrentCache()];
  const all = { mixed: mixed!, beta: tf.sigmoid(beta!), logDecay: tf.neg(tf.abs(decay!)) };
  try {
    let first = 0;
    return passes.map((counts) => {
      const count = counts.reduce((sum, each) => sum + each, 0);
      const rows = Object.fromEntries(
        Object.entries(all).map(([name, x]) => [name, tf.slice(x, [0, first, 0], [1, count, x.shape[2]!])]),
      ) as unknown as DeltaRows;
      const parts = counts.map((each, i) => ({ cache: caches[i]!, count: each }));
      first += count;
      return cachedDeltaRule(rows, convolution as tf.Tensor2D, sizes, parts);
    });
  } finally {
    for (const cache of caches) cache.dispose();
  }
}

/** Functions that no gradient goes through: attention and delta rule with caches, and the rotation of rows. */
export const cacheCalls: Generator[] = [
  // Of several tokens in a window, rows are written one by one; of one token in a window they are the kernel's.
  ...[
    { kernel: 'ScmoeCachedAttention', counts: [1, 1, 2, 5, 40], hasWindow: false },
    { kernel: 'ScmoeCachedAttention', counts: [1], hasWindow: true },
    { kernel: 'ScmoeWriteRows', counts: [2, 5, 40], hasWindow: true },
  ].map(({ kernel, counts, hasWindow }) => ({
    kernel,
    draw: (draw: Draw) => {
      const { operands, attributes } = drawSequences(draw, () => draw.list(2, () => draw.pick(counts)));
      const sinks = draw.pick([undefined, draw.floats([attributes.numHeads])]);
      return {
        name: 'cachedAttention',
        operands: { ...operands, ...(sinks && { sinks }) },
        attributes: { ...attributes, ...(hasWindow && { window: draw.int(1, 6) }) },
        isOurs: true,
        run: (tensors: Record<string, tf.Tensor>, given: object) => twoPasses(tensors, given as Attributes),
      };
    },
  })),
  {
    kernel: 'ScmoeCachedDeltaRule',
    draw: (draw) => {
      const { operands, attributes } = drawNetworks(draw);
      return {
        name: 'cachedDeltaRule',
        operands,
        attributes: { ...attributes },
        isOurs: true,
        run: (tensors, given) => twoRecurrentPasses(tensors, given as unknown as DeltaAttributes),
      };
    },
  },
  {
    kernel: 'ScmoeRotateRows',
    draw: (draw) => {
      const [numHeads, size, tokens] = [draw.int(1, 3), 2 * draw.int(1, 4), draw.int(1, 6)];
      const style = draw.pick(['half', 'interleaved'] as const);
      return {
        name: 'rotateRows',
        operands: { x: draw.floats([1, tokens, numHeads * size]) },
        attributes: { numHeads, style, positions: draw.list(tokens, () => draw.int(0, 300)) },
        isOurs: true,
        run: ({ x }, given) => {
          const {
            numHeads: heads,
            positions,
            style: pairs,
          } = given as { numHeads: number; positions: number[]; style: 'half' };
          return rotateRows(x as tf.Tensor3D, heads, Int32Array.from(positions), { style: pairs });
        },
      };
    },
  },
];
