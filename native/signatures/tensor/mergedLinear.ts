/** Layers (dIn, outputs[i]) of one input x (rows, dIn); all of them have a bias, or none. */
const common = {
  rows: 'size',
  dIn: 'size',
  count: 'size 1..',
  outputs: 'sizes[count]',
  x: 'float32[rows * dIn]',
  weights: 'float32[][count]',
} as const;

export const mergedLinear = {
  mergedLinearForward: {
    ...common,
    numBiases: 'size',
    biases: 'float32[][numBiases]',
    y: 'out float32[][count]',
  },
  /** dx is the sum of all layers'. */
  mergedLinearBackward: {
    ...common,
    dy: 'float32[][count]',
    dx: 'out float32[rows * dIn]',
    dWeights: 'out float32[weights][count]',
    dBiases: 'out float32[][count]',
  },
} as const;
