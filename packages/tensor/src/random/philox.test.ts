import { philox4x32 } from '../index.js';
import { fillPhilox, writePhiloxBlock } from './philox.js';

describe('philox4x32', () => {
  // philox4x32 with 10 rounds in Random123's kat_vectors: counter, key, answer.
  it.each([
    ['00000000 00000000 00000000 00000000', '00000000 00000000', '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    ['ffffffff ffffffff ffffffff ffffffff', 'ffffffff ffffffff', '408f276d 41c83b0e a20bc7c6 6d5451fd'],
    ['243f6a88 85a308d3 13198a2e 03707344', 'a4093822 299f31d0', 'd16cfe09 94fdcceb 5001e420 24126ea1'],
  ])('agrees with the known answer for counter %s', (counter, key, answer) => {
    const words = (hex: string) => hex.split(' ').map((word) => parseInt(word, 16));
    const [c0, c1, c2, c3] = words(counter) as [number, number, number, number];
    const [k0, k1] = words(key) as [number, number];
    const out = new Uint32Array(5);
    writePhiloxBlock(out, 1, k0, k1, c0, c1, c2, c3);
    expect(Array.from(out)).toEqual([0, ...words(answer)]);
  });

  it('puts the halves of seed, block and stream where they belong', () => {
    const expected = new Uint32Array(4);
    writePhiloxBlock(expected, 0, 1, 2, 3, 4, 5, 6);
    expect(philox4x32(2 * 2 ** 32 + 1, 6 * 2 ** 32 + 5, 4 * 2 ** 32 + 3)).toEqual(expected);
  });

  it('counts blocks across 2^32', () => {
    const words = new Uint32Array(8);
    fillPhilox(words, 7, 8, 2 ** 32 - 1);
    expect(words.slice(4)).toEqual(philox4x32(7, 8, 2 ** 32));
  });

  it.each([-1, 0.5, 2 ** 53, NaN])('rejects %d as a seed', (seed) => {
    expect(() => philox4x32(seed, 0, 0)).toThrow(/seed: expected an integer >= 0/);
  });
});
