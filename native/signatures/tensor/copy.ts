export const copy = {
  /** A copy for memory that is not read again soon; source and target don't overlap. The target may be shared memory. */
  copyPastCaches: { bytes: 'size', source: 'uint8[bytes]', target: 'out uint8[bytes]' },
  /** Source and target don't overlap; offsets in elements. */
  copyStrided: {
    walk: 'walk',
    sourceOffset: 'size',
    targetOffset: 'size',
    source: 'float32|int32|bool[reach(walk, 0, sourceOffset)]',
    target: 'out source.dtype[reach(walk, 1, targetOffset)]',
  },
  /** Converts numbers to the dtype of `out`. */
  cast: { count: 'size', x: 'float32|int32|bool[count]', out: 'out float32|int32|bool[count]' },
  select: {
    count: 'size',
    condition: 'bool[count]',
    whenTrue: 'float32|int32|bool[count]',
    whenFalse: 'whenTrue.dtype[count]',
    out: 'out whenTrue.dtype[count]',
  },
  /** -1, or the position of an index out of range. */
  gather: {
    batch: 'size',
    outer: 'size',
    dim: 'size',
    count: 'size',
    slice: 'size',
    x: 'float32|int32|bool[batch * outer * dim * slice]',
    indices: 'int32[batch * count]',
    out: 'out x.dtype[batch * outer * count * slice]',
    '=>': 'number',
  },
  /** -1, or the first tuple out of range. A tuple is `depth` indices, its row their product with `strides`. */
  gatherNd: {
    rows: 'size',
    count: 'size',
    slice: 'size',
    depth: 'size',
    strides: 'sizes[depth]',
    x: 'float32|int32|bool[rows * slice]',
    indices: 'int32[count * depth]',
    out: 'out x.dtype[count * slice]',
    '=>': 'number',
  },
  /** -1, or the first tuple out of range, unless those are skipped. */
  scatterAdd: {
    rows: 'size 1..',
    count: 'size',
    slice: 'size',
    depth: 'size',
    strides: 'sizes[depth]',
    skipInvalid: 'boolean',
    updates: 'float32|int32[count * slice]',
    indices: 'int32[count * depth]',
    out: 'out updates.dtype[rows * slice]',
    '=>': 'number',
  },
} as const;
