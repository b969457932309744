import type { TensorFunctions } from '@scmoe/native/signatures';

import { findAddon } from '../addon/loadAddon.js';

const manyNumbers = 2 ** 16;

/** Bits of bfloat16 numbers to float32: exact. Many at once are the native addon's, where there is one. */
export function bf16ToFloat32(bits: Uint16Array): Float32Array {
  const native = bits.length >= manyNumbers ? findAddon().addon : undefined;
  if (native) {
    const to = new Float32Array(bits.length);
    const sizes = { count: 1, dIn: 1, dOut: bits.length, blocks: 1 };
    (native as TensorFunctions).expandWeight({ ...sizes, weight: bits, scales: undefined, to });
    return to;
  }
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return new Float32Array(words.buffer);
}

/** Float32 to bits of bfloat16, rounded to the nearest, ties to even; NaN stays NaN. */
export function float32ToBf16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const isNaN = (word & 0x7fffffff) > 0x7f800000;
    // Adding could carry a NaN's payload into the sign or clear it; setting the quiet bit keeps it a NaN.
    bits[i] = isNaN ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return bits;
}

/** The step between numbers of each exponent of half precision; a power for each number would take most of the time. */
const steps = Float64Array.from({ length: 31 }, (_, exponent) => 2 ** (Math.max(exponent, 1) - 25));

/** Bits of IEEE half-precision numbers to float32: exact. */
export function f16ToFloat32(bits: Uint16Array): Float32Array {
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const sign = bits[i]! & 0x8000 ? -1 : 1;
    const exponent = (bits[i]! >>> 10) & 0x1f;
    const fraction = bits[i]! & 0x3ff;
    if (exponent === 0x1f) values[i] = fraction ? NaN : sign * Infinity;
    else values[i] = sign * (exponent === 0 ? fraction : 1024 + fraction) * steps[exponent]!;
  }
  return values;
}
