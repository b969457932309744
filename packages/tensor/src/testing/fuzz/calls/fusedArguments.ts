import type { Attributes, Operands } from '../Call.js';
import type { Draw } from '../Draw.js';

export const activations = ['none', 'gelu', 'gelu_tanh', 'silu'];

/** A size of a layer: below, at and above what a vector register holds. */
export function width(draw: Draw): number {
  return draw.pick([1, 2, 3, 5, 8, 16, 17]);
}

export function drawAttention(draw: Draw): { operands: Operands; attributes: Attributes } {
  const numKvHeads = draw.int(1, 2);
  const numHeads = numKvHeads * draw.int(1, 2);
  const size = 2 * draw.int(1, 9);
  const [batch, queries] = [draw.int(1, 2), draw.pick([1, 2, 5, 50])];
  const keys = queries + draw.pick([0, 0, 3]);
  const keyShape = [batch, keys, numKvHeads * size];
  return {
    operands: { q: draw.floats([batch, queries, numHeads * size]), k: draw.floats(keyShape), v: draw.floats(keyShape) },
    attributes: {
      numHeads,
      numKvHeads,
      causal: draw.chance(0.5),
      rope: draw.chance(0.3) ? { style: draw.pick(['half', 'interleaved']), theta: 10000 } : undefined,
    },
  };
}

/** (T, k) choices of distinct experts. */
export function drawChoices(draw: Draw, tokens: number, topK: number, numExperts: number) {
  const values = draw.list(tokens, () => draw.permutation(numExperts).slice(0, topK)).flat();
  return { shape: [tokens, topK], dtype: 'int32' as const, values };
}

export function drawSlots(draw: Draw): {
  slots: Operands[string];
  numRows: number;
  tokens: number;
  d: number;
  topK: number;
} {
  const [tokens, topK, d] = [draw.int(1, 6), draw.int(1, 2), width(draw)];
  const numRows = tokens * topK + draw.int(0, 3);
  const values = draw.permutation(numRows).slice(0, tokens * topK);
  const dropped = values.map((slot) => (draw.chance(0.2) ? -1 : slot));
  return { slots: { shape: [tokens, topK], dtype: 'int32', values: dropped }, numRows, tokens, d, topK };
}

export function drawExperts(draw: Draw): {
  rows: Operands[string];
  counts: Operands[string];
  n: number;
  d: number;
  f: number;
  capacity: number;
} {
  const [n, d, f] = [draw.int(1, 3), width(draw), width(draw)];
  const capacity = draw.pick([0, 2, 3]);
  const counts = draw.list(n, () => draw.int(0, capacity || 3));
  const numRows = capacity > 0 ? n * capacity : counts.reduce((a, b) => a + b, 0);
  const operand = { shape: [n], dtype: 'int32' as const, values: counts };
  return { rows: draw.floats([numRows, d]), counts: operand, n, d, f, capacity };
}
