/**
 * Weights (count, dIn, dOut) in panels of columns (cpu/weight_panels.h), so that they are opaque here: float32, bf16, or int8 (in
 * the bits of a uint8) with a scale for every 32 rows of a column, `blocks` of them.
 */
const group = {
  numExperts: 'size',
  capacity: 'size',
  rows: 'size numExperts * capacity..',
  d: 'size',
  f: 'size',
  /** Blocks of scales of a matrix with d rows, and with f. */
  blocksIn: 'size',
  blocksHidden: 'size',
  counts: 'int32[numExperts]',
  x: 'float32[rows * d]',
  y: 'out float32[rows * d]',
} as const;

export const storedWeight = {
  /** Whether all numbers are finite, which int8 asks for. */
  storeWeight: {
    count: 'size',
    dIn: 'size',
    dOut: 'size',
    blocks: 'size',
    from: 'float32[count * dIn * dOut]',
    weight: 'out uint8|bf16|float32[count * dIn * dOut]',
    scales: 'out float32[count * blocks * dOut]?',
    '=>': 'boolean',
  },
  expandWeight: {
    count: 'size',
    dIn: 'size',
    dOut: 'size',
    blocks: 'size',
    weight: 'uint8|bf16|float32[count * dIn * dOut]',
    scales: 'float32[count * blocks * dOut]?',
    to: 'out float32[count * dIn * dOut]',
  },
  storedLinear: {
    rows: 'size',
    dIn: 'size',
    dOut: 'size',
    blocks: 'size',
    activation: 'Activation: none|gelu|gelu_tanh|silu',
    float32: 'boolean',
    x: 'float32[rows * dIn]',
    weight: 'uint8|bf16|float32[dIn * dOut]',
    scales: 'float32[blocks * dOut]?',
    bias: 'float32[dOut]?',
    y: 'out float32[rows * dOut]',
  },
  storedGroupedFfn: {
    ...group,
    activation: 'Activation: none|gelu|gelu_tanh|silu',
    w1: 'uint8|bf16|float32[numExperts * d * f]',
    w1Scales: 'float32[numExperts * blocksIn * f]?',
    b1: 'float32[numExperts * f]?',
    w2: 'uint8|bf16|float32[numExperts * f * d]',
    w2Scales: 'float32[numExperts * blocksHidden * d]?',
    b2: 'float32[numExperts * d]?',
  },
  storedGroupedSwiglu: {
    ...group,
    gate: 'uint8|bf16|float32[numExperts * d * f]',
    gateScales: 'float32[numExperts * blocksIn * f]?',
    up: 'uint8|bf16|float32[numExperts * d * f]',
    upScales: 'float32[numExperts * blocksIn * f]?',
    down: 'uint8|bf16|float32[numExperts * f * d]',
    downScales: 'float32[numExperts * blocksHidden * d]?',
  },
} as const;
