import { expectWholeNumber } from '@scmoe/errors';

/** Multipliers and key increments of Philox4x32 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011). */
const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const increment0 = 0x9e3779b9;
const increment1 = 0xbb67ae85;
const rounds = 10;

/**
 * Philox4x32-10: four random 32-bit words as a pure function of where they are. Word `i` of a sequence is word `i % 4`
 * of block `floor(i / 4)`, so any part of it can be made in any order, on any device.
 *
 * Key = the low and high 32 bits of `seed`; counter = those of `block`, then those of `stream`.
 *
 * @param seed whole number from 0 to 2^53 - 1, as are `stream` and `block`.
 */
export function philox4x32(seed: number, stream: number, block: number): Uint32Array {
  expectWholeNumber('seed', seed);
  expectWholeNumber('stream', stream);
  expectWholeNumber('block', block);
  const words = new Uint32Array(4);
  fillPhilox(words, seed, stream, block);
  return words;
}

/** Fills `words`, whose length is a multiple of 4, with the blocks from `firstBlock` on. */
export function fillPhilox(words: Uint32Array, seed: number, stream: number, firstBlock: number): void {
  const seedHigh = highHalf(seed);
  const streamHigh = highHalf(stream);
  for (let i = 0; i < words.length; i += 4) {
    const block = firstBlock + i / 4;
    writePhiloxBlock(words, i, seed | 0, seedHigh, block | 0, highHalf(block), stream | 0, streamHigh);
  }
}

/** The function itself: ten rounds on a key of two words and a counter of four, written to words[at .. at + 3]. */
export function writePhiloxBlock(
  words: Uint32Array,
  at: number,
  k0: number,
  k1: number,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
): void {
  for (let round = 0; round < rounds; round++) {
    const high0 = multiplyHigh(multiplier0, c0);
    const high1 = multiplyHigh(multiplier1, c2);
    const low0 = Math.imul(multiplier0, c0);
    const low1 = Math.imul(multiplier1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + increment0) | 0;
    k1 = (k1 + increment1) | 0;
  }
  words[at] = c0;
  words[at + 1] = c1;
  words[at + 2] = c2;
  words[at + 3] = c3;
}

function highHalf(value: number): number {
  return Math.floor(value / 2 ** 32) | 0;
}

/** Upper 32 bits of the 64-bit product of two unsigned words, from four 16-bit products. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = (Math.imul(aHigh, bLow) >>> 0) + (Math.imul(aLow, bLow) >>> 16);
  const carry = (Math.imul(aLow, bHigh) >>> 0) + (middle & 0xffff);
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (carry >>> 16)) | 0;
}
