import { ArgumentError } from '@scmoe/errors';

import { bf16ToFloat32, float32ToBf16 } from '../io/halfPrecision.js';

/**
 * How the numbers of a weight lie in memory: as they are, or in 2 bytes each (bfloat16), or in 1 and a scale in float32 for
 * every 32 of a column (int8, the blocks of llama.cpp's Q8_0).
 */
export const weightFormats = ['float32', 'bfloat16', 'int8'] as const;
/** One of `weightFormats`. */
export type WeightFormat = (typeof weightFormats)[number];

/** Rows of a column that share a scale in int8. */
export const scaleRows = 32;

/** The scales of a column of `rows` numbers. */
export function scaleBlocks(rows: number): number {
  return Math.ceil(rows / scaleRows);
}

export function notFiniteError(): ArgumentError {
  return new ArgumentError('toWeightFormat: weight: expected finite numbers for int8, got others');
}

/** The numbers of weights (..., dIn, dOut) as a format keeps them. */
export function roundToFormat(
  values: Float32Array,
  shape: readonly number[],
  format: Exclude<WeightFormat, 'float32'>,
): Float32Array {
  if (format === 'bfloat16') return bf16ToFloat32(float32ToBf16(values));
  const [dIn, dOut] = shape.slice(-2) as [number, number];
  const rounded = new Float32Array(values.length);
  for (let matrix = 0; matrix < values.length; matrix += dIn * dOut)
    for (let first = 0; first < dIn; first += scaleRows)
      for (let column = 0; column < dOut; column++)
        roundColumn(values, rounded, matrix + first * dOut + column, dOut, Math.min(scaleRows, dIn - first));
  return rounded;
}

function roundColumn(from: Float32Array, to: Float32Array, at: number, stride: number, count: number): void {
  const end = at + count * stride;
  let largest = 0;
  for (let i = at; i < end; i += stride) {
    if (!Number.isFinite(from[i])) throw notFiniteError();
    largest = Math.max(largest, Math.abs(from[i]!));
  }
  const scale = Math.fround(largest / 127);
  for (let i = at; i < end; i += stride) {
    const steps = scale === 0 ? 0 : nearestEven(Math.fround(from[i]! / scale));
    // A zero keeps no sign in an integer.
    to[i] = Math.max(-127, Math.min(127, steps)) * scale + 0;
  }
}

function nearestEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
