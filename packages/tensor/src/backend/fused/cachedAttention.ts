import type * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { writeRowsKernel, type WriteRowsAttributes } from '../../cache/appendRows.js';
import {
  cachedAttentionKernel,
  rotateRowsKernel,
  type CachedAttentionAttributes,
  type RotateRowsAttributes,
} from '../../ops/cachedAttention.js';
import { kernel } from '../kernel.js';
import { turnRows } from './turnRows.js';

interface RowInputs {
  rows: tf.TensorInfo; // (R, w)
  from: tf.TensorInfo; // (1, T, w)
}

/** Causal attention over what the cache holds, whose last `queries` keys are those of the queries. */
const plain = { batch: 1, causal: true, rope: 'none', theta: 1 } as const;

export const cachedAttentionKernels: tf.KernelConfig[] = [
  kernel<{ q: tf.TensorInfo }, CachedAttentionAttributes>(cachedAttentionKernel, (backend, { q }, attributes) => {
    const { parts, numHeads: heads, numKvHeads: kvHeads, scale } = attributes;
    const [, tokens, width] = q.shape as [number, number, number];
    const size = width / heads;
    const out = backend.output(q.shape);
    const logsumexp = backend.output([heads, tokens]);
    const [queries, results, sums] = [backend.floats(q), backend.floats(out), backend.floats(logsumexp)];
    const { attention } = loadAddon();
    let first = 0;
    for (const { cache, count } of parts) {
      const held = cache.length * kvHeads * size;
      const [begin, end] = [first * width, (first + count) * width];
      attention({
        ...plain,
        queries: count,
        keys: cache.length,
        heads,
        kvHeads,
        size,
        scale,
        q: queries.subarray(begin, end),
        k: backend.floats(cache.keys!).subarray(0, held),
        v: backend.floats(cache.values!).subarray(0, held),
        out: results.subarray(begin, end),
        logsumexp: sums.subarray(0, heads * count),
      });
      first += count;
    }
    backend.disposeData(logsumexp.dataId);
    return out;
  }),
  kernel<{ x: tf.TensorInfo }, RotateRowsAttributes>(rotateRowsKernel, (backend, { x }, attributes) => {
    const out = backend.output(x.shape);
    turnRows(backend.floats(x), backend.floats(out), attributes);
    return out;
  }),
  kernel<RowInputs, WriteRowsAttributes>(writeRowsKernel, (backend, { rows, from }, { at, first, count }) => {
    const width = rows.shape[1]!;
    const source = backend.floats(from).subarray(first * width, (first + count) * width);
    backend.floats(rows).set(source, at * width);
    return [];
  }),
];
