import { createHash } from 'node:crypto';

import { ArgumentError } from '@scmoe/errors';

import { holdOut } from '../ImageSplit.js';
import { shapesImages, type ShapesOptions } from './shapesImages.js';

const small: ShapesOptions = { seed: 1, size: 16, count: 24, testCount: 8 };
const all = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('shapesImages', () => {
  it('draws eight classes in turn, for training and testing', () => {
    const set = shapesImages(small);
    expect(set.classNames).toEqual(['circle', 'square', 'triangle', 'ring', 'cross', 'star', 'crescent', 'bars']);
    expect([...set.train.labels.subarray(0, 9)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 0]);
    expect(set.counts).toEqual({ train: 24, test: 8, skipped: 0, ignored: 0 });
    expect(set.train.read(all(24))).toHaveLength(24 * 16 * 16 * 3);
    expect(set.test!.read([0])).not.toEqual(set.train.read([0]));
  });

  it('draws the same for the same seed on every machine', () => {
    const hash = createHash('sha256')
      .update(shapesImages(small).train.read(all(24)))
      .digest('hex');
    expect(hash).toBe('fd43709d6fd09a2ce7fb99af25c14cf50dab59e69c15dddb8ac5d482c6f7ccc1');
    expect(shapesImages(small).fingerprint).toBe(shapesImages(small).fingerprint);
    expect(shapesImages({ ...small, seed: 2 }).fingerprint).not.toBe(shapesImages(small).fingerprint);
  });

  it('draws a picture without regard to how many there are', () => {
    const more = shapesImages({ ...small, count: 40 });
    expect(more.train.read(all(24))).toEqual(shapesImages(small).train.read(all(24)));
    expect(more.test!.read(all(8))).toEqual(shapesImages(small).test!.read(all(8)));
  });

  it('draws shapes that a simple rule tells apart better than chance', () => {
    // Nearest neighbour over silhouettes: what is far from the corner's colour, moved to the middle.
    const side = 12;
    const set = shapesImages({ seed: 3, size: side, count: 320, testCount: 80 });
    const silhouettes = all(320).map((i) => silhouette(set.train.read([i]), side));
    const right = all(80).filter((i) => {
      const own = silhouette(set.test!.read([i]), side);
      const distances = silhouettes.map((other) => distance(own, other));
      return set.train.labels[distances.indexOf(Math.min(...distances))] === set.test!.labels[i];
    });
    // Chance is 10 of 80.
    expect(right.length).toBeGreaterThan(24);
  });

  it('refuses sizes and options that can not be', () => {
    expect(() => shapesImages({ seed: 1, size: 4 })).toThrow('size: expected a whole number from 8 to 1024, got 4');
    expect(() => shapesImages({ seed: 1, count: 0 })).toThrow(ArgumentError);
    expect(() => shapesImages({ seed: 1, count: 2 ** 40 })).toThrow(/^count \d+, .* the memory of this machine, got/);
    expect(() => shapesImages({ seed: 1, classes: 3 } as ShapesOptions)).toThrow(/unknown option classes = 3/);
  });
});

describe('holdOut', () => {
  it('parts a split by chance, for good and without loss', () => {
    const { train } = shapesImages(small);
    const parts = holdOut(train, { fraction: 0.25, seed: 5 });
    expect([parts.train.count, parts.test.count]).toEqual([18, 6]);
    const numbers = [...parts.train.source.rows, ...parts.test.source.rows].sort((a, b) => a - b);
    expect(numbers).toEqual(all(24));
    expect(holdOut(train, { fraction: 0.25, seed: 5 }).test.source.rows).toEqual(parts.test.source.rows);
    const [first] = parts.test.source.rows;
    expect(parts.test.read([0])).toEqual(train.read([first!]));
    expect(parts.test.labels[0]).toBe(train.labels[first!]);
    expect(() => holdOut(train, { fraction: 1, seed: 5 })).toThrow(ArgumentError);
  });
});

function distance(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! ^ b[i]!;
  return sum;
}

function silhouette(pixels: Uint8Array, side: number): Uint8Array {
  const isFar = (i: number) => {
    let sum = 0;
    for (let channel = 0; channel < 3; channel++) sum += Math.abs(pixels[3 * i + channel]! - pixels[channel]!);
    return sum > 110;
  };
  const inside = all(side * side).filter(isFar);
  const mean = (of: (i: number) => number) => Math.round(inside.reduce((sum, i) => sum + of(i), 0) / inside.length);
  const [dx, dy] = [mean((i) => i % side) - side / 2, mean((i) => Math.floor(i / side)) - side / 2];
  const moved = new Uint8Array(4 * side * side);
  for (const i of inside) moved[(Math.floor(i / side) - dy + side / 2) * 2 * side + (i % side) - dx + side / 2] = 1;
  return moved;
}
