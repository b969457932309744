export const sampling = {
  /** A token, or what is wrong with the scores: -1 where none is above -Infinity, -2 - i where score i is NaN. */
  drawToken: {
    count: 'size 1..',
    scores: 'float32[count]',
    /** A finite number of at least 0; 0 takes the most likely token. */
    temperature: 'number',
    topK: 'size 1..',
    topP: 'number',
    minP: 'number',
    typicalP: 'number',
    uniform: 'number',
    '=>': 'number',
  },
  /** `samples` events of each row, by the numbers of TF.js's generator for a seed. */
  multinomial: {
    rows: 'size',
    columns: 'size 1..2147483647',
    samples: 'size',
    areProbabilities: 'boolean',
    seed: 'text',
    x: 'float32[rows * columns]',
    out: 'out int32[rows * samples]',
  },
} as const;
