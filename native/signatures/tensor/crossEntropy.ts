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
} as const;
