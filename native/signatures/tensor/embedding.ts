export const embedding = {
  embeddingForward: {
    count: 'size',
    d: 'size',
    vocabSize: 'size',
    ids: 'int32[count]',
    table: 'float32[vocabSize * d]',
    out: 'out float32[count * d]',
  },
  embeddingBackward: {
    count: 'size',
    d: 'size',
    vocabSize: 'size',
    ids: 'int32[count]',
    dOut: 'float32[count * d]',
    /** Whether the gradient is added to what dTable has. */
    adds: 'boolean',
    dTable: 'out float32[vocabSize * d]',
  },
} as const;
