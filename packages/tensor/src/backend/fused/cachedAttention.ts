import type * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { writeRowsKernel, type WriteRowsAttributes } from '../../cache/appendRows.js';
import {
  cachedAttentionKernel,
  rotateRowsKernel,
  type CachedAttentionAttributes,
  type CachedPart,
  type RotateRowsAttributes,
} from '../../ops/cachedAttention.js';
import { ropeOfLength, type Rope, type RopeStyle } from '../../ops/rope.js';
import { kernel } from '../kernel.js';
import { anglesUpTo, turnRows } from './turnRows.js';

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

interface Rotation {
  rope: 'none' | RopeStyle;
  pairs: number;
  positions: number;
  cos?: Float32Array;
  sin?: Float32Array;
}

/** The rotation of heads of D components in sequences of at most `length` tokens. */
function rotationOf(rope: Rope | undefined, length: number, headSize: number): Rotation {
  if (!rope) return { rope: 'none', pairs: 0, positions: 0 };
  const { size = headSize } = rope;
  const { cos, sin, positions } = anglesUpTo(length, size, ropeOfLength(rope, length));
  return { rope: rope.style, pairs: size / 2, positions, cos, sin };
}

export const cachedAttentionKernels: tf.KernelConfig[] = [
  kernel<QkvInputs, CachedAttentionAttributes>(cachedAttentionKernel, (backend, { q, k, v, sinks }, attributes) => {
    const { parts, numHeads: heads, numKvHeads: kvHeads, scale, rope, window = 0 } = attributes;
    const [, , width] = q.shape as [number, number, number];
    const [headSize, kvWidth] = [width / heads, k.shape[2]!];
    const out = backend.output(q.shape);
    const [queries, results] = [backend.floats(q), backend.floats(out)];
    const [keys, values] = [backend.floats(k), v && backend.floats(v)];
    const sinkScores = sinks && backend.floats(sinks);
    const { cachedAttention } = loadAddon();
    const attend = (parts: readonly CachedPart[], first: number, tokens: number) => {
      let longest = 0;
      const held = new Int32Array(parts.length);
      parts.forEach(({ cache, count }, i) => {
        cache.reserve(count, { keys: kvWidth, values: v?.shape[2] });
        held[i] = cache.length;
        longest = Math.max(longest, cache.length + count);
      });
      const [own, ownKv] = [first * width, first * kvWidth];
      cachedAttention({
        parts: parts.length,
        tokens,
        counts: parts.map(({ count }) => count),
        held,
        heads,
        kvHeads,
        headSize,
        scale,
        window,
        ...rotationOf(rope, longest, headSize),
        q: own ? queries.subarray(own) : queries,
        k: own ? keys.subarray(ownKv) : keys,
        v: own ? values?.subarray(ownKv) : values,
        sinks: sinkScores,
        keys: parts.map(({ cache }) => backend.floats(cache.keys!)),
        values: parts.map(({ cache }) => backend.floats(cache.values!)),
        out: own ? results.subarray(own) : results,
      });
      for (const { cache, count } of parts) cache.wrote(count);
    };
    // The caches, how long they are and where they lie are others for each token.
    backend.live(() => {
      // With one rotation for sequences of all lengths, all of them at once.
      if (!rope?.beyond) return attend(parts, 0, q.shape[1]!);
      let first = 0;
      for (const part of parts) {
        attend([part], first, part.count);
        first += part.count;
      }
    });
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
