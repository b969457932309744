/**
 * The number of each code of 8-bit floats with 4 exponent bits (bias 7) and 3 mantissa bits, `float8_e4m3fn` (Micikevicius
 * et al., arXiv 2209.05433): no infinity, up to 448; NaN where all bits but the sign are set.
 */
const e4m3 = Float32Array.from({ length: 256 }, (_, code) => {
  const sign = code & 0x80 ? -1 : 1;
  const exponent = (code >>> 3) & 0xf;
  const mantissa = code & 7;
  if (exponent === 0xf && mantissa === 7) return NaN;
  return exponent === 0 ? sign * (mantissa / 8) * 2 ** -6 : sign * (1 + mantissa / 8) * 2 ** (exponent - 7);
});

/** Codes of 8-bit floats, E4M3, to float32: exact. */
export function e4m3ToFloat32(codes: Uint8Array): Float32Array {
  return Float32Array.from(codes, (code) => e4m3[code]!);
}
