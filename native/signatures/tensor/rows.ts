export const rows = {
  softmax: { rows: 'size', columns: 'size 1..', x: 'float32[rows * columns]', out: 'out float32[rows * columns]' },
  /** float32 gives float32, everything else int32. */
  cumsum: {
    outer: 'size',
    count: 'size',
    inner: 'size',
    exclusive: 'boolean',
    reverse: 'boolean',
    x: 'float32|int32|bool[outer * count * inner]',
    out: 'out float32|int32[outer * count * inner]',
  },
  topK: {
    rows: 'size',
    columns: 'size 1..',
    k: 'size 1..columns',
    x: 'float32|int32[rows * columns]',
    values: 'out x.dtype[rows * k]',
    indices: 'out int32[rows * k]',
  },
  /** The walk is over the batches, its strides in matrices. */
  batchMatMul: {
    batches: 'walk',
    transposeA: 'boolean',
    transposeB: 'boolean',
    m: 'size',
    n: 'size',
    k: 'size',
    a: 'float32[reach(batches, 0) * m * k]',
    b: 'float32[reach(batches, 1) * k * n]',
    out: 'out float32[elements(batches) * m * n]',
  },
} as const;
