/** The bits of float32 numbers as bf16, rounded to nearest even; NaN stays NaN. */
export function toBf16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, (word) => {
    const isNan = (word & 0x7fffffff) > 0x7f800000;
    return (isNan ? word | 0x400000 : word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  });
}

/** bf16 numbers as float32, exactly. */
export function fromBf16(bits: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(bits, (half) => half << 16).buffer);
}
