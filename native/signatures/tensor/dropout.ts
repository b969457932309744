export const dropout = {
  dropout: {
    count: 'size',
    x: 'float32[count]',
    rate: 'number',
    // its low and its high 32 bits
    seed: 'int32[2]',
    stream: 'integer 0..9007199254740991',
    y: 'out float32[count]',
  },
} as const;
