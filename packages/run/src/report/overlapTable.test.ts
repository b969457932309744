import { gradientLine, overlapTable } from './overlapTable.js';

const stage = { stage: 0, slot: 1, chunks: 1, expertChunks: 2, halves: 1 };

describe('overlapTable', () => {
  it('names the parts of the backward pass where they are others', () => {
    const [, alike, apart] = overlapTable([stage, { ...stage, backward: { chunks: 1, expertChunks: 4 } }]);
    expect(alike).toMatch(/^ +0 +1 +2 expert chunks +-/);
    expect(apart).toMatch(/^ +0 +1 +2 expert chunks, backward 4 expert chunks +-/);
    expect(overlapTable([{ ...stage, backward: { chunks: 1, expertChunks: 1 } }])[1]).toMatch(/, backward 1 +-/);
  });
});

describe('gradientLine', () => {
  const measured = { bytes: 3 * 2 ** 20, placedMs: 90, atOnceMs: 100, exposedMs: 1.25, tailMs: 20 };

  it('says what was placed, what was predicted and what both ways took', () => {
    expect(gradientLine({ isPlaced: true, partBytes: 2 ** 18, partsInGaps: 9, ...measured })).toEqual([
      'gradients: of 3 MiB, 9 parts of 256 KiB travel between exchanges (predicted: 1.3 of 20.0 ms are left at the end): ' +
        'a step took 90.0 ms in parts between exchanges, 100.0 ms at once',
    ]);
    expect(gradientLine({ isPlaced: false, ...measured, placedMs: 101 })[0]).toMatch(
      /^gradients: they travel as soon as they are there .*: a step took 101\.0 ms/,
    );
  });

  it('says why nothing is placed, where that was asked for', () => {
    expect(gradientLine({ isPlaced: false, bytes: 4, whyNot: 'nothing fits' })).toEqual([
      'gradients: they travel as soon as they are there, for no part fits between exchanges',
    ]);
    expect(gradientLine({ isPlaced: false, whyNot: 'not measured' })[0]).toMatch(
      /, for no steps .* were measured yet$/,
    );
  });

  it('is left out where nothing was tried', () => {
    expect([gradientLine(undefined), gradientLine({ isPlaced: false, bytes: 4 })]).toEqual([[], []]);
  });
});
