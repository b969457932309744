import { toFloat32 } from './storedTensor.js';

describe('8-bit floats, E4M3', () => {
  const numberOf = (code: number) => toFloat32({ dtype: 'F8_E4M3', shape: [1], data: Uint8Array.of(code) })[0]!;

  it.each([
    ['zero', 0x00, 0],
    ['the least number above it', 0x01, 2 ** -9],
    ['the largest below the normal ones', 0x07, (7 / 8) * 2 ** -6],
    ['the least normal one', 0x08, 2 ** -6],
    ['one', 0x38, 1],
    ['minus one and a half', 0xbc, -1.5],
    ['the largest', 0x7e, 448],
    ['the largest below zero', 0xfe, -448],
  ])('have the code of %s', (_, code, value) => {
    expect(numberOf(code)).toBe(value);
  });

  it('have two codes that are no number', () => {
    const codes = Array.from({ length: 256 }, (_, code) => code);
    expect(codes.filter((code) => Number.isNaN(numberOf(code)))).toEqual([0x7f, 0xff]);
  });
});
