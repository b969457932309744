/**
 * Weights (count, dIn, dOut) of which each matrix is transposed, (dOut, dIn), in memory of its own: the bytes of float32 or bf16
 * numbers, as a file has them.
 */
const group = {
  numExperts: 'size',
  capacity: 'size',
  rows: 'size numExperts * capacity..',
  d: 'size',
  f: 'size',
  counts: 'int32[numExperts]',
  x: 'float32[rows * d]',
  y: 'out float32[rows * d]',
} as const;

export const transposedWeight = {
  /** Writes the matrices one behind the other, (count, dIn, dOut). Pages of mapped files that it has read are given back. */
  expandTransposed: {
    count: 'size',
    dIn: 'size',
    dOut: 'size',
    format: 'WeightFormat: float32|bf16',
    weight: 'uint8[][count]',
    to: 'out float32[count * dIn * dOut]',
  },
  /** Writes the matrices in panels of their own format, one behind the other: as `storedWeight` has them. Pages are given back as well. */
  putInPanels: {
    count: 'size',
    dIn: 'size',
    dOut: 'size',
    format: 'WeightFormat: float32|bf16',
    weight: 'uint8[][count]',
    to: 'out float32|bf16[count * dIn * dOut]',
  },
  transposedLinear: {
    rows: 'size',
    dIn: 'size',
    dOut: 'size',
    activation: 'Activation: none|gelu|gelu_tanh|silu',
    float32: 'boolean',
    x: 'float32[rows * dIn]',
    format: 'WeightFormat: float32|bf16',
    weight: 'uint8[][1]',
    bias: 'float32[dOut]?',
    y: 'out float32[rows * dOut]',
  },
  transposedGroupedFfn: {
    ...group,
    activation: 'Activation: none|gelu|gelu_tanh|silu',
    w1Format: 'WeightFormat: float32|bf16',
    w1: 'uint8[][numExperts]',
    b1: 'float32[numExperts * f]?',
    w2Format: 'WeightFormat: float32|bf16',
    w2: 'uint8[][numExperts]',
    b2: 'float32[numExperts * d]?',
  },
  transposedGroupedSwiglu: {
    ...group,
    gateFormat: 'WeightFormat: float32|bf16',
    gate: 'uint8[][numExperts]',
    upFormat: 'WeightFormat: float32|bf16',
    up: 'uint8[][numExperts]',
    downFormat: 'WeightFormat: float32|bf16',
    down: 'uint8[][numExperts]',
  },
} as const;
