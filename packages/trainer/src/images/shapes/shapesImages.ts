import { createHash } from 'node:crypto';

import { expectInteger, expectKnownOptions, expectMemory, expectWholeNumber, optionNames } from '@scmoe/errors';
import { RandomStream } from '@scmoe/tensor';

import type { ImageSet } from '../ImageSet.js';
import { ImageSplit } from '../ImageSplit.js';
import { shapesStream } from '../streams.js';
import { drawShape } from './drawShape.js';
import { shapes } from './shapes.js';

/** Options of `shapesImages`. */
export interface ShapesOptions {
  seed: number;
  /** Height and width in pixels; 32 by default. */
  size?: number;
  /** Pictures to train on; 4,096 by default. */
  count?: number;
  /** Pictures to test with, others than those; a quarter of `count` by default. */
  testCount?: number;
}

const known = optionNames<ShapesOptions>({ seed: true, size: true, count: true, testCount: true });

/**
 * Pictures of eight shapes (circle, square, triangle, ring, cross, star, crescent, bars), drawn in memory: data to try
 * things out with where there are none. Picture `i` of a split is a function of (seed, size, split, i); the classes take
 * turns.
 *
 * @throws ArgumentError for sizes and counts that can't be.
 */
export function shapesImages(options: ShapesOptions): ImageSet {
  expectKnownOptions('shapesImages', options, known);
  const { seed, size: side = 32, count = 4096, testCount = Math.floor(count / 4) } = options;
  expectWholeNumber('seed', seed);
  expectInteger('size', side, { minimum: 8, maximum: 1024 });
  expectInteger('count', count, { minimum: 1 });
  expectWholeNumber('testCount', testCount);

  const classNames = Object.keys(shapes);
  const drawn = Object.values(shapes);
  const size = { height: side, width: side };
  const imageBytes = side * side * 3;
  expectMemory('the pictures', (count + testCount) * imageBytes, { size: side, count, testCount });
  const memory = new SharedArrayBuffer((count + testCount) * imageBytes);
  const all = new Uint8Array(memory);
  const pictures = new RandomStream({ seed, stream: shapesStream });
  const draw = (split: number, first: number, length: number) => {
    const ofSplit = pictures.fork(split);
    const labels = Int32Array.from({ length }, (_, i) => i % drawn.length);
    for (let i = 0; i < length; i++) {
      const { data } = drawShape(drawn[labels[i]!]!, { random: ofSplit.fork(i), side });
      all.set(data, (first + i) * imageBytes);
    }
    return new ImageSplit(
      { pixels: { memory }, size, rows: Uint32Array.from({ length }, (_, i) => first + i) },
      labels,
    );
  };
  const train = draw(0, 0, count);
  const test = testCount > 0 ? draw(1, count, testCount) : undefined;
  return {
    train,
    test,
    classNames,
    size,
    counts: { train: count, test: testCount, skipped: 0, ignored: 0 },
    skipped: [],
    fingerprint: createHash('sha256')
      .update(JSON.stringify([size, classNames, count]))
      .update(all)
      .digest('hex'),
    close: () => undefined,
  };
}
