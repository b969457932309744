import { RandomStream } from '@scmoe/tensor';

import { drawBeta } from './drawBeta.js';
import { checkMixing, drawMix, type MixPlan, mixPixels, softTargets } from './mixing.js';

const size = { height: 8, width: 10 };
const draw = (mixing: Parameters<typeof drawMix>[2], count = 400) =>
  Array.from({ length: count }, (_, row) => drawMix(new RandomStream({ seed: 3 }).fork(row), size, mixing));

describe('drawBeta', () => {
  it.each([0.05, 0.2, 1, 4])('has mean and variance of Beta(%d, %d)', (alpha) => {
    const random = new RandomStream({ seed: 1 });
    const n = 4000;
    const values = Array.from({ length: n }, () => drawBeta(random, alpha));
    const mean = values.reduce((sum, value) => sum + value, 0) / n;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n;
    const expected = 1 / (4 * (2 * alpha + 1));
    expect(values.every((value) => value >= 0 && value <= 1)).toBe(true);
    // Four standard deviations of the mean; the variance within a tenth.
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(expected / n));
    expect(Math.abs(variance / expected - 1)).toBeLessThan(0.1);
  });
});

describe('mixing', () => {
  it('draws weights for mixup, and boxes for CutMix whose area is the weight that is gone', () => {
    expect(draw({ mixup: 0.8 }).every((mix) => mix !== undefined && mix.box === undefined)).toBe(true);
    for (const mix of draw({ cutmix: 1 }) as Required<MixPlan>[]) {
      const { top, left, height, width } = mix.box;
      expect(top >= 0 && left >= 0 && top + height <= 8 && left + width <= 10).toBe(true);
      expect(mix.weight).toBeCloseTo(1 - (height * width) / 80, 12);
    }
  });

  it('takes one of the two by an even chance, and leaves pictures alone as often as asked', () => {
    const both = draw({ mixup: 0.8, cutmix: 1 });
    expect(Math.abs(both.filter((mix) => mix!.box).length - 200)).toBeLessThan(41);
    const some = draw({ mixup: 0.8, probability: 0.3 }).filter((mix) => mix !== undefined);
    expect(Math.abs(some.length - 120)).toBeLessThan(37);
  });

  it('is a weighted mean, or a box of the other', () => {
    const [pixels, other] = [new Float32Array(12).fill(1), new Float32Array(12).fill(3)];
    mixPixels(pixels, other, 2, { weight: 0.75 });
    expect([...pixels]).toEqual(Array(12).fill(1.5));
    mixPixels(pixels, other, 2, { weight: 0.75, box: { top: 1, left: 0, height: 1, width: 1 } });
    expect([...pixels]).toEqual([1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 3, 3, 3, 1.5, 1.5, 1.5]);
  });

  it('gives targets that sum to 1, of both classes', () => {
    const targets = softTargets([0, 2, 1], [{ weight: 0.75 }, undefined, { weight: 0.5 }], { numClasses: 4 });
    expect([...targets]).toEqual([0.75, 0, 0.25, 0, 0, 0, 1, 0, 0.5, 0.5, 0, 0]);
    const smooth = softTargets([0, 2], [{ weight: 0.75 }, undefined], { numClasses: 4, labelSmoothing: 0.1 });
    const expected = [0.7, 0.025, 0.25, 0.025, 0.025, 0.025, 0.925, 0.025];
    smooth.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 6));
  });

  it('refuses what can not be', () => {
    expect(() => checkMixing({})).toThrow('mixing: expected mixup or cutmix above 0');
    expect(() => checkMixing({ mixup: -1 })).toThrow('mixup: expected a number >= 0, got -1');
    expect(() => checkMixing({ mixup: 1, probability: 2 })).toThrow(
      'probability: expected a number from 0 to 1, got 2',
    );
  });
});
