export const dropout = {
  dropout: {
    count: 'size',
    x: 'float32[count]',
    rate: 'number',
    seed: 'integer 0..9007199254740991',
    stream: 'integer 0..9007199254740991',
    y: 'out float32[count]',
  },
} as const;
