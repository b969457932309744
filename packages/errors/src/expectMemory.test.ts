import { totalmem } from 'node:os';

import { ArgumentError, bytesText, expectMemory, memoryLimit } from './index.js';

describe('memory', () => {
  it('is that of the machine at most', () => {
    expect(memoryLimit()).toBeGreaterThan(2 ** 20);
    expect(memoryLimit()).toBeLessThanOrEqual(totalmem());
  });

  it('is not limited where nobody says how much there is, as in a browser', () => {
    const { process } = globalThis;
    try {
      Object.assign(globalThis, { process: undefined });
      expect(memoryLimit()).toBe(Infinity);
      expect(() => expectMemory('the parameters', 1e30, {})).not.toThrow();
    } finally {
      globalThis.process = process;
    }
  });

  it('holds what is not larger', () => {
    expect(() => expectMemory('the parameters', memoryLimit(), { vocabSize: 7 })).not.toThrow();
  });

  it.each([
    [2 ** 60, '1 EiB'],
    [1e300, '8.67e\\+281 EiB'],
    [Infinity, 'more bytes than can be counted'],
  ])('is not enough for %d bytes, and the message says why', (bytes, text) => {
    const check = () =>
      expectMemory('the parameters', bytes, {
        ...{ dModel: 8, vocabSize: 1e15, norm: 'rms', blocks: [9] },
        moe: { topK: 2, jitter: 0.5 },
      });
    expect(check).toThrow(ArgumentError);
    expect(check).toThrow(
      new RegExp(
        '^vocabSize 1000000000000000, dModel 8, moe.topK 2: expected the parameters to take at most [\\d.]+ .iB, ' +
          `the memory of this machine, got ${text}$`,
      ),
    );
  });

  it.each([
    [0, '0 bytes'],
    [1023, '1023 bytes'],
    [1024, '1 KiB'],
    [1536 * 2 ** 20, '1.5 GiB'],
    [25_123_456_789, '23.4 GiB'],
  ])('of %d bytes reads %s', (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });
});
