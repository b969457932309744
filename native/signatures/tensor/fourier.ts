/** Real and imaginary parts lie apart. */
export const fourier = {
  /** The discrete Fourier transform of each row, or the inverse. */
  fourier: {
    rows: 'size',
    columns: 'size 1..',
    isInverse: 'boolean',
    real: 'float32[rows * columns]',
    imaginary: 'float32[rows * columns]',
    outReal: 'out float32[rows * columns]',
    outImaginary: 'out float32[rows * columns]',
  },
} as const;
