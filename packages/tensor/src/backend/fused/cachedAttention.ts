import type * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { writeRowsKernel, type WriteRowsAttributes } from '../../cache/appendRows.js';
import {
  cachedAttentionKernel,
  positionsOf,
  rotateRowsKernel,
  type CachedAttentionAttributes,
  type RotateRowsAttributes,
} from '../../ops/cachedAttention.js';
import { ropeOfLength } from '../../ops/rope.js';
import { kernel } from '../kernel.js';
import { turnRows } from './turnRows.js';

interface QkvInputs {
  q: tf.TensorInfo; // (1, T, H * D)
  k: tf.TensorInfo; // (1, T, Hkv * D)
  v?: tf.TensorInfo;
  sinks?: tf.TensorInfo; // (H)
}

interface RowInputs {
  rows: tf.TensorInfo; // (R, w)
  from: tf.TensorInfo; // (1, T, w)
}

/** Causal attention over what the cache holds, whose last `queries` keys are those of the queries. */
const plain = { batch: 1, causal: true, rope: 'none', theta: 1 } as const;

/**
 * Takes the share of each head's sink away from out (T, H * D): with a score more in its softmax a row is what it is without,
 * times 1 / (1 + e^(sink - logsumexp)). logsumexp (H, T), sinks (H).
 */
function shareWithSinks(out: Float32Array, logsumexp: Float32Array, sinks: Float32Array, size: number): void {
  const heads = sinks.length;
  const tokens = logsumexp.length / heads;
  for (let token = 0, i = 0; token < tokens; token++) {
    for (let head = 0; head < heads; head++) {
      const share = 1 / (1 + Math.exp(sinks[head]! - logsumexp[head * tokens + token]!));
      for (const end = i + size; i < end; i++) out[i]! *= share;
    }
  }
}

export const cachedAttentionKernels: tf.KernelConfig[] = [
  kernel<QkvInputs, CachedAttentionAttributes>(cachedAttentionKernel, (backend, { q, k, v, sinks }, attributes) => {
    const { parts, numHeads: heads, numKvHeads: kvHeads, scale, rope, window = Infinity } = attributes;
    const [, tokens, width] = q.shape as [number, number, number];
    const [size, kvWidth] = [width / heads, k.shape[2]!];
    const out = backend.output(q.shape);
    const logsumexp = backend.output([heads, tokens]);
    const turned = rope && backend.output(q.shape);
    const [queries, results, sums] = [backend.floats(turned ?? q), backend.floats(out), backend.floats(logsumexp)];
    const [given, keys, values] = [backend.floats(q), backend.floats(k), v && backend.floats(v)];
    const sinkScores = sinks && backend.floats(sinks);
    const { attention } = loadAddon();
    // The caches, how long they are and where they lie are others for each token.
    backend.live(() => {
      const positions = rope && positionsOf(parts);
      // Of one rotation for sequences of all lengths at once.
      if (rope && positions && !rope.beyond) turnRows(given, queries, { numHeads: heads, rope, positions });
      let first = 0;
      for (const { cache, count } of parts) {
        const end = first + count;
        cache.reserve(count, { keys: kvWidth, values: v?.shape[2] });
        const at = cache.length;
        const rowsOf = (rows: tf.TensorInfo, begin: number, end: number) =>
          backend.floats(rows).subarray(begin * kvWidth, end * kvWidth);
        const own = rope &&
          positions && { rope: ropeOfLength(rope, at + count), positions: positions.subarray(first, end) };
        const ownQueries = queries.subarray(first * width, end * width);
        if (own && rope.beyond)
          turnRows(given.subarray(first * width, end * width), ownQueries, { numHeads: heads, ...own });
        const newKeys = keys.subarray(first * kvWidth, end * kvWidth);
        const room = rowsOf(cache.keys!, at, at + count);
        if (own) turnRows(newKeys, room, { numHeads: kvHeads, ...own });
        else room.set(newKeys);
        if (values) rowsOf(cache.values!, at, at + count).set(values.subarray(first * kvWidth, end * kvWidth));
        cache.wrote(count);
        const firstKey = Math.max(0, cache.length - window);
        const partOut = results.subarray(first * width, end * width);
        const partSums = sums.subarray(0, heads * count);
        attention({
          ...plain,
          queries: count,
          keys: cache.length - firstKey,
          heads,
          kvHeads,
          size,
          scale,
          q: ownQueries,
          k: rowsOf(cache.keys!, firstKey, cache.length),
          v: rowsOf(cache.values!, firstKey, cache.length),
          out: partOut,
          logsumexp: partSums,
        });
        if (sinkScores) shareWithSinks(partOut, partSums, sinkScores, size);
        first = end;
      }
    });
    if (turned) backend.disposeData(turned.dataId);
    backend.disposeData(logsumexp.dataId);
    return out;
  }),
  kernel<{ x: tf.TensorInfo }, RotateRowsAttributes>(rotateRowsKernel, (backend, { x }, attributes) => {
    const out = backend.output(x.shape);
    const [from, to] = [backend.floats(x), backend.floats(out)];
    backend.live(() => turnRows(from, to, { ...attributes, positions: attributes.positions() }));
    return out;
  }),
  kernel<RowInputs, WriteRowsAttributes>(writeRowsKernel, (backend, { rows, from }, { at, first, count }) => {
    backend.refuseCapture('its kernel ScmoeWriteRows is JavaScript');
    const width = rows.shape[1]!;
    const source = backend.floats(from).subarray(first * width, (first + count) * width);
    backend.floats(rows).set(source, at * width);
    return [];
  }),
];
