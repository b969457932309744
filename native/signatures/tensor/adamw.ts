export const adamw = {
  /** Updates all parameters; an array of new values may be that of the old ones. keep[i] = 1 - learningRate * decay. */
  adamW: {
    count: 'size',
    parameters: 'float32[][count]',
    gradients: 'float32[parameters][count]',
    m: 'float32[parameters][count]',
    v: 'float32[parameters][count]',
    newParameters: 'out float32[parameters][count]',
    newM: 'out float32[parameters][count]',
    newV: 'out float32[parameters][count]',
    keep: 'float32[count]',
    gradScale: 'float32[1]?',
    beta1: 'number',
    beta2: 'number',
    epsilon: 'number',
    stepSize: 'number',
    rootCorrection: 'number',
  },
  globalNorm: {
    count: 'size',
    arrays: 'float32[][count]',
    numKnown: 'size',
    /** A double each: sums of squares of further arrays. */
    known: 'uint8[][numKnown]',
    result: 'out float32[1]',
  },
} as const;
