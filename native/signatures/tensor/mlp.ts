const common = {
  rows: 'size',
  d: 'size',
  f: 'size',
  /** Words of 32 bits in a row of a hidden layer: f, or half of it in bf16. */
  words: 'size',
  activation: 'Activation: gelu|gelu_tanh|silu',
  x: 'float32[rows * d]',
  w1: 'float32[d * f]',
  w2: 'float32[f * d]',
} as const;

export const mlp = {
  mlpForward: {
    ...common,
    b1: 'float32[f]?',
    b2: 'float32[d]?',
    y: 'out float32[rows * d]',
    pre: 'out float32[rows * words]',
    hidden: 'out float32[rows * words]',
  },
  mlpBackward: {
    ...common,
    dy: 'float32[rows * d]',
    pre: 'float32[rows * words]',
    hidden: 'float32[rows * words]',
    dx: 'out float32[rows * d]',
    dW1: 'out float32[d * f]',
    dB1: 'out float32[f]',
    dW2: 'out float32[f * d]',
    dB2: 'out float32[d]',
    /** Doubles: the sums of the squares of dW1 and of dW2. */
    squares: 'out uint8[16]?',
  },
} as const;
