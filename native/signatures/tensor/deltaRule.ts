/** `before`: tokens that the convolution covers besides each one's own. `perToken`: components of all queries, keys and values. */
export const deltaRule = {
  deltaRule: {
    tokens: 'size',
    valueHeads: 'size 1..',
    keyHeads: 'size 1..valueHeads',
    keySize: 'size 1..',
    valueSize: 'size 1..',
    before: 'size',
    perToken: 'size',
    mixed: 'float32[tokens * perToken]',
    beta: 'float32[tokens * valueHeads]',
    logDecay: 'float32[tokens * valueHeads]',
    convolution: 'float32[before * perToken + perToken]',
    pastTaps: 'float32[before * perToken]?',
    pastState: 'float32[valueHeads * keySize * valueSize]?',
    out: 'out float32[tokens * valueHeads * valueSize]',
    taps: 'out float32[before * perToken]',
    state: 'out float32[valueHeads * keySize * valueSize]',
  },
} as const;
