/** Which random numbers: the seed as its low and its high 32 bits. */
const sequence = { seed: 'int32[2]', stream: 'integer 0..9007199254740991' } as const;
const part = { ...sequence, count: 'size', offset: 'integer 0..9007199254740991', out: 'out float32[count]' } as const;

export const random = {
  dropout: {
    count: 'size',
    x: 'float32[count]',
    rate: 'number',
    ...sequence,
    y: 'out float32[count]',
  },
  randomUniform: part,
  randomNormal: { ...part, mean: 'number', deviation: 'number' },
} as const;
