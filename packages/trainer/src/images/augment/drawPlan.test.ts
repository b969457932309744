import { RandomStream } from '@scmoe/tensor';

import type { RgbImage } from '../RgbImage.js';
import { applyPlan, eraseBox } from './applyPlan.js';
import { type Augmentation, checkAugmentation } from './Augmentation.js';
import { drawPlan } from './drawPlan.js';

const from = { height: 12, width: 16 };
const rows = new RandomStream({ seed: 1, stream: 7 });
const plans = (augmentation: Augmentation, { to = from, count = 300 } = {}) =>
  Array.from({ length: count }, (_, row) => drawPlan(rows.fork(row), { from, to, augmentation }));

/** A picture whose red is the column and whose green is the row, both from 1. */
const grid: RgbImage = {
  ...from,
  data: Uint8Array.from(
    { length: 12 * 16 * 3 },
    (_, i) => [(i / 3) % 16, Math.floor(i / 48), 9][i % 3]! + Number(i % 3 < 2),
  ),
};
const pixel = ({ data, width }: RgbImage, x: number, y: number) => [
  ...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
];

describe('augmentation', () => {
  it('does nothing by default but take the middle', () => {
    const [plan] = plans({}, { count: 1 });
    expect(plan).toEqual({ crop: { top: 0, left: 0, ...from }, flip: false, operations: [] });
    expect(applyPlan(grid, plan!, from)).toEqual(grid);
    const to = { height: 10, width: 10 };
    expect(pixel(applyPlan(grid, plans({}, { to, count: 1 })[0]!, to), 0, 0)).toEqual([4, 2, 9]);
  });

  it('is the same for the same stream, and another for another', () => {
    const all: Augmentation = { padding: 4, flip: 0.5, randAugment: {}, erase: {} };
    expect(plans(all, { count: 20 })).toEqual(plans(all, { count: 20 }));
    expect(new Set(plans(all, { count: 20 }).map((plan) => JSON.stringify(plan))).size).toBe(20);
  });

  it('crops at every place of the padded picture, with black around', () => {
    const drawn = plans({ padding: 2 });
    const places = new Set(drawn.map(({ crop }) => `${crop.top},${crop.left}`));
    expect(places.size).toBe(25);
    const corner = drawn.find(({ crop }) => crop.top === -2 && crop.left === 2)!;
    const result = applyPlan(grid, corner, from);
    expect(pixel(result, 0, 1)).toEqual([0, 0, 0]);
    expect(pixel(result, 0, 2)).toEqual([3, 1, 9]);
    expect(pixel(result, 14, 2)).toEqual([0, 0, 0]);
  });

  it('swaps left and right as often as asked', () => {
    const drawn = plans({ flip: 0.25 }).filter(({ flip }) => flip);
    // 300 draws: four standard deviations are 30.
    expect(Math.abs(drawn.length - 75)).toBeLessThan(30);
    expect(pixel(applyPlan(grid, drawn[0]!, from), 0, 3)).toEqual([16, 4, 9]);
    expect(plans({ flip: 0 }).some(({ flip }) => flip)).toBe(false);
    expect(plans({ flip: 1 }).every(({ flip }) => flip)).toBe(true);
  });

  it('resizes parts of the areas and ratios asked for', () => {
    const to = { height: 8, width: 8 };
    const drawn = plans({ resizedCrop: { scale: [0.2, 0.6], ratio: [0.5, 2] } }, { to });
    for (const { crop } of drawn) {
      const { top, left, height, width } = crop;
      expect(top >= 0 && left >= 0 && top + height <= 12 && left + width <= 16).toBe(true);
      // Sides are rounded to whole pixels.
      expect((height * width) / (12 * 16)).toBeGreaterThan(0.15);
      expect((height * width) / (12 * 16)).toBeLessThan(0.7);
      expect(width / height).toBeGreaterThan(0.4);
      expect(width / height).toBeLessThan(2.5);
    }
    expect(applyPlan(grid, drawn[0]!, to)).toMatchObject(to);
  });

  it('falls back on the largest part in the middle where no draw fits', () => {
    const [{ crop }] = plans({ resizedCrop: { scale: [1, 1], ratio: [3, 3] } }, { count: 1 }) as [
      ReturnType<typeof drawPlan>,
    ];
    expect(crop).toEqual({ top: 3, left: 0, height: 5, width: 16 });
  });

  it('draws as many operations as asked, of the strength asked for', () => {
    const drawn = plans({ randAugment: { count: 2, magnitude: 30 } }).flatMap(({ operations }) => operations);
    // Of twelve choices, one does nothing: 550 of 600 on average, four standard deviations are 27.
    expect(Math.abs(drawn.length - 550)).toBeLessThan(28);
    expect(new Set(drawn.map(({ name }) => name)).size).toBe(11);
    const amounts = (name: string) => new Set(drawn.filter((each) => each.name === name).map(({ amount }) => amount));
    expect(amounts('rotate')).toEqual(new Set([30, -30]));
    expect(amounts('posterize')).toEqual(new Set([4]));
    expect(amounts('solarize')).toEqual(new Set([0]));
    expect(amounts('translateX')).toEqual(new Set([7, -7]));
  });

  it('erases boxes as often as asked, inside of the picture', () => {
    const boxes = plans({ erase: { probability: 0.5 } }).flatMap(({ erase }) => erase ?? []);
    expect(Math.abs(boxes.length - 150)).toBeLessThan(36);
    const pixels = new Float32Array(12 * 16 * 3).fill(1);
    const { height, width } = boxes[0]!;
    eraseBox(pixels, 16, boxes[0]!);
    expect(pixels.filter((value) => value === 0)).toHaveLength(height * width * 3);
  });

  it.each<[Augmentation, string]>([
    [{ padding: -1 }, 'padding: expected a whole number of at least 0, got -1'],
    [{ padding: 4, resizedCrop: {} }, 'resizedCrop: expected no padding besides, got 4'],
    [{ flip: 2 }, 'flip: expected a number from 0 to 1, got 2'],
    [
      { resizedCrop: { scale: [0.5, 0.1] } },
      'resizedCrop.scale: expected two numbers above 0 and up to 1, the smaller first',
    ],
    [{ randAugment: { magnitude: 31 } }, 'randAugment.magnitude: expected a number from 0 to 30, got 31'],
    [{ erase: { ratio: [0, 1] } }, 'erase.ratio: expected two numbers above 0, the smaller first, got [0,1]'],
    [{ blur: 1 } as Augmentation, 'augmentation: unknown option blur = 1'],
  ])('refuses %j', (augmentation, message) => {
    expect(() => checkAugmentation(augmentation)).toThrow(message);
  });
});
