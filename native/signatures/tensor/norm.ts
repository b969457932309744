const common = { rows: 'size', d: 'size', x: 'float32[rows * d]', weight: 'float32[d]' } as const;
const backward = {
  ...common,
  dy: 'float32[rows * d]',
  rstd: 'float32[rows]',
  /** Whether the gradient of x is added to what dx has. */
  adds: 'boolean',
  dx: 'out float32[rows * d]',
  dWeight: 'out float32[d]',
} as const;

export const norm = {
  layerNormForward: {
    ...common,
    bias: 'float32[d]',
    epsilon: 'number',
    y: 'out float32[rows * d]',
    mean: 'out float32[rows]',
    rstd: 'out float32[rows]',
  },
  layerNormBackward: { ...backward, mean: 'float32[rows]', dBias: 'out float32[d]' },
  rmsNormForward: { ...common, epsilon: 'number', y: 'out float32[rows * d]', rstd: 'out float32[rows]' },
  rmsNormBackward: backward,
} as const;
