const common = {
  rows: 'size',
  classes: 'size 1..',
  ignoreIndex: 'integer -2147483648..2147483647',
  labelSmoothing: 'number',
  logits: 'float32[rows * classes]',
  targets: 'int32[rows]',
} as const;

export const crossEntropy = {
  crossEntropyForward: {
    ...common,
    loss: 'out float32[1]',
    logsumexp: 'out float32[rows]',
    counted: 'out float32[1]',
  },
  crossEntropyBackward: {
    ...common,
    logsumexp: 'float32[rows]',
    counted: 'float32[1]',
    dLoss: 'float32[1]',
    dLogits: 'out float32[rows * classes]',
  },
  linearCrossEntropy: {
    rows: 'size',
    dIn: 'size',
    classes: 'size 1..',
    /** The weight is (classes, dIn). */
    transposed: 'boolean',
    ignoreIndex: 'integer -2147483648..2147483647',
    labelSmoothing: 'number',
    x: 'float32[rows * dIn]',
    weight: 'float32[dIn * classes]',
    bias: 'float32[classes]?',
    targets: 'int32[rows]',
    loss: 'out float32[1]',
    /** The gradients of the mean, those that are wanted. */
    dx: 'out float32[rows * dIn]?',
    dWeight: 'out float32[dIn * classes]?',
    dBias: 'out float32[classes]?',
  },
  /** A gradient of a mean times that of the loss, where it is. */
  scaleGradient: { count: 'size', factor: 'float32[1]', gradient: 'out float32[count]' },
} as const;
