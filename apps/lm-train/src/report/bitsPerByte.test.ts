import { bitsPerByte } from './bitsPerByte.js';

it('bits per byte are counted over the text, not over the tokens', () => {
  const twoTokensForEightBytes = { ids: Uint16Array.of(1, 2), numBytes: 8 };
  expect(bitsPerByte(Math.LN2 * 4, twoTokensForEightBytes)).toBeCloseTo(1, 12);
});
