/** How far a step goes: keep[i] = 1 - learningRate * decay of parameter i. */
const step = {
  keep: 'float32[count]',
  gradScale: 'float32[1]?',
  beta1: 'number',
  beta2: 'number',
  epsilon: 'number',
  stepSize: 'number',
  rootCorrection: 'number',
} as const;

export const adamw = {
  /** Updates all parameters; an array of new values may be that of the old ones. */
  adamW: {
    count: 'size',
    parameters: 'float32[][count]',
    gradients: 'float32[parameters][count]',
    m: 'float32[parameters][count]',
    v: 'float32[parameters][count]',
    newParameters: 'out float32[parameters][count]',
    newM: 'out float32[parameters][count]',
    newV: 'out float32[parameters][count]',
    ...step,
  },
  /**
   * adamW with moments in bf16, rounded at random (cpu/random_rounding.h): number j of parameter i by keys 2i and 2i + 1 and its place,
   * firsts[i] + j.
   */
  adamWRounded: {
    count: 'size',
    parameters: 'float32[][count]',
    gradients: 'float32[parameters][count]',
    m: 'bf16[parameters][count]',
    v: 'bf16[parameters][count]',
    newParameters: 'out float32[parameters][count]',
    newM: 'out bf16[parameters][count]',
    newV: 'out bf16[parameters][count]',
    ...step,
    keys: 'int32[count + count]',
    firsts: 'sizes[count]',
  },
  /** The same by rates in memory: learningRate, learningRate / (1 - beta1^t), 1 / sqrt(1 - beta2^t). decays[i]: 1 where it decays. */
  adamWByRates: {
    count: 'size',
    parameters: 'float32[][count]',
    gradients: 'float32[parameters][count]',
    m: 'float32[parameters][count]',
    v: 'float32[parameters][count]',
    newParameters: 'out float32[parameters][count]',
    newM: 'out float32[parameters][count]',
    newV: 'out float32[parameters][count]',
    decays: 'sizes[count]',
    weightDecay: 'number',
    gradScale: 'float32[1]?',
    beta1: 'number',
    beta2: 'number',
    epsilon: 'number',
    rates: 'float32[3]',
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
