const common = {
  rows: 'size',
  dIn: 'size',
  dOut: 'size',
  activation: 'Activation: none|gelu|gelu_tanh|silu',
  /** Keeps the product out of bf16. */
  float32: 'boolean',
  x: 'float32[rows * dIn]',
  weight: 'float32[dIn * dOut]',
} as const;

export const linear = {
  linearForward: {
    ...common,
    bias: 'float32[dOut]?',
    y: 'out float32[rows * dOut]',
    /** The value before the activation, for the gradient. */
    pre: 'out float32[rows * dOut]?',
  },
  linearBackward: {
    ...common,
    dy: 'float32[rows * dOut]',
    /** There where there is an activation. */
    pre: 'float32[rows * dOut]?',
    dx: 'out float32[rows * dIn]',
    dWeight: 'out float32[dIn * dOut]',
    dBias: 'out float32[dOut]',
  },
} as const;
