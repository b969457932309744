import { bf16ToFloat32, f16ToFloat32, float32ToBf16 } from './halfPrecision.js';

const allBits = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i);

describe('bfloat16', () => {
  it('survives the way through float32 and back, every value', () => {
    const back = float32ToBf16(bf16ToFloat32(allBits));
    const isNaN = (bits: number) => (bits & 0x7fff) > 0x7f80;
    const changed = allBits.filter((bits) => (isNaN(bits) ? bits | 0x40 : bits) !== back[bits]);
    expect(changed).toEqual(new Uint16Array());
  });

  it('rounds to the nearest, ties to even', () => {
    const values = [1 + 2 ** -9, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20, 3.4e38, -1e-45, NaN];
    const rounded = [1, 1, 1 + 2 ** -6, 1 + 2 ** -7, Infinity, -0, NaN];
    expect(Array.from(bf16ToFloat32(float32ToBf16(Float32Array.from(values))))).toEqual(rounded);
  });

  it('reads from a view that does not start at the beginning of its buffer', () => {
    const view = Float32Array.of(9, 1, 2).subarray(1);
    expect(Array.from(bf16ToFloat32(float32ToBf16(view)))).toEqual([1, 2]);
  });
});

describe('half precision', () => {
  it.each([
    [0x0000, 0],
    [0x8000, -0],
    [0x0001, 2 ** -24],
    [0x83ff, -1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3c00, 1],
    [0xc101, -2.501953125],
    [0x7bff, 65504],
    [0x7c00, Infinity],
    [0xfc00, -Infinity],
    [0x7e00, NaN],
  ])('reads %d as %d', (bits, value) => {
    expect(f16ToFloat32(Uint16Array.of(bits))[0]).toBe(value);
  });

  it('is monotonic over all finite values', () => {
    const values = f16ToFloat32(allBits.subarray(0, 0x7c01));
    expect(values.every((value, i) => i === 0 || value > values[i - 1]!)).toBe(true);
  });
});
