const choice = {
  tokens: 'size',
  numExperts: 'size 1..',
  topK: 'size 0..numExperts',
  sigmoid: 'boolean',
  normalize: 'boolean',
  scale: 'number',
} as const;

const packed = { tokens: 'size', topK: 'size', d: 'size', numRows: 'size', slots: 'int32[tokens * topK]' } as const;

/** Expert e has counts[e] rows from e * capacity on; with capacity 0 they follow each other. */
const group = {
  numExperts: 'size',
  capacity: 'size',
  rows: 'size numExperts * capacity..',
  d: 'size',
  f: 'size',
  counts: 'int32[numExperts]',
} as const;

const twoLayer = {
  ...group,
  /** Words of 32 bits in a row of a hidden layer: f, or half of it in bf16. */
  words: 'size',
  activation: 'Activation: none|gelu|gelu_tanh|silu',
  x: 'float32[rows * d]',
  w1: 'float32[numExperts * d * f]',
  w2: 'float32[numExperts * f * d]',
} as const;

const swiglu = {
  ...group,
  x: 'float32[rows * d]',
  gate: 'float32[numExperts * d * f]',
  up: 'float32[numExperts * d * f]',
  down: 'float32[numExperts * f * d]',
} as const;

export const moe = {
  routeForward: {
    ...choice,
    logits: 'float32[tokens * numExperts]',
    bias: 'float32[numExperts]?',
    given: 'int32[tokens * topK]?',
    mask: 'bool[tokens]?',
    scores: 'out float32[tokens * numExperts]',
    weights: 'out float32[tokens * topK]',
    experts: 'out int32[tokens * topK]',
  },
  routeBackward: {
    ...choice,
    scores: 'float32[tokens * numExperts]',
    weights: 'float32[tokens * topK]',
    experts: 'int32[tokens * topK]',
    dScores: 'float32[tokens * numExperts]?',
    dWeights: 'float32[tokens * topK]?',
    dLogits: 'out float32[tokens * numExperts]',
  },
  dispatchPlan: {
    tokens: 'size',
    topK: 'size',
    numExperts: 'size',
    numZeroExperts: 'size',
    capacity: 'size',
    byProbability: 'boolean',
    choiceFirst: 'boolean',
    limit: 'int32[1]?',
    experts: 'int32[tokens * topK]',
    weights: 'float32[tokens * topK]',
    slots: 'out int32[tokens * topK]',
    counts: 'out int32[numExperts]',
    load: 'out int32[numExperts + numZeroExperts]',
    firstLoad: 'out int32[numExperts + numZeroExperts]',
  },
  encodeForward: { ...packed, x: 'float32[tokens * d]', rows: 'out float32[numRows * d]' },
  encodeBackward: { ...packed, dRows: 'float32[numRows * d]', dx: 'out float32[tokens * d]' },
  decodeForward: {
    ...packed,
    rows: 'float32[numRows * d]',
    weights: 'float32[tokens * topK]',
    y: 'out float32[tokens * d]',
  },
  decodeBackward: {
    ...packed,
    dy: 'float32[tokens * d]',
    rows: 'float32[numRows * d]',
    weights: 'float32[tokens * topK]',
    dRows: 'out float32[numRows * d]',
    dWeights: 'out float32[tokens * topK]',
  },
  groupedFfnForward: {
    ...twoLayer,
    b1: 'float32[numExperts * f]?',
    b2: 'float32[numExperts * d]?',
    y: 'out float32[rows * d]',
    pre: 'out float32[rows * words]?',
    hidden: 'out float32[rows * words]?',
  },
  groupedFfnBackward: {
    ...twoLayer,
    dy: 'float32[rows * d]',
    pre: 'float32[rows * words]',
    hidden: 'float32[rows * words]',
    dx: 'out float32[rows * d]',
    dW1: 'out float32[numExperts * d * f]',
    dB1: 'out float32[numExperts * f]',
    dW2: 'out float32[numExperts * f * d]',
    dB2: 'out float32[numExperts * d]',
    /** Doubles: the sums of the squares of dW1 and of dW2. */
    squares: 'out uint8[16]?',
  },
  groupedSwigluForward: {
    ...swiglu,
    y: 'out float32[rows * d]',
    gated: 'out float32[rows * f]?',
    raised: 'out float32[rows * f]?',
  },
  groupedSwigluBackward: {
    ...swiglu,
    dy: 'float32[rows * d]',
    gated: 'float32[rows * f]',
    raised: 'float32[rows * f]',
    dx: 'out float32[rows * d]',
    dGate: 'out float32[numExperts * d * f]',
    dUp: 'out float32[numExperts * d * f]',
    dDown: 'out float32[numExperts * f * d]',
    /** Doubles: those of dGate, dUp and dDown. */
    squares: 'out uint8[24]?',
  },
} as const;
