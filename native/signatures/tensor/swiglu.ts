const common = {
  rows: 'size',
  d: 'size',
  f: 'size',
  x: 'float32[rows * d]',
  gate: 'float32[d * f]',
  up: 'float32[d * f]',
  down: 'float32[f * d]',
} as const;

export const swiglu = {
  swigluForward: {
    ...common,
    y: 'out float32[rows * d]',
    gated: 'out float32[rows * f]?',
    raised: 'out float32[rows * f]?',
  },
  swigluBackward: {
    ...common,
    dy: 'float32[rows * d]',
    gated: 'float32[rows * f]',
    raised: 'float32[rows * f]',
    dx: 'out float32[rows * d]',
    dGate: 'out float32[d * f]',
    dUp: 'out float32[d * f]',
    dDown: 'out float32[f * d]',
  },
} as const;
