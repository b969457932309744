import { expectInteger } from '@scmoe/errors';
import { RandomStream } from '@scmoe/tensor';

import { imageSplitStream } from './streams.js';
import type { ImageSize } from './RgbImage.js';
import { openPixels, type PixelReader, type PixelSource } from './PixelStore.js';

/** All that it takes to read a split on another thread. */
export interface ImageSplitSource {
  pixels: PixelSource;
  size: ImageSize;
  /** Number in `pixels` of each picture. */
  rows: Uint32Array;
}

/** Pictures of one size and their classes, in a fixed order. */
export class ImageSplit {
  readonly size: ImageSize;
  /** (count) class of each picture. */
  readonly labels: Int32Array;
  readonly source: ImageSplitSource;
  private reader: PixelReader | undefined;

  constructor(source: ImageSplitSource, labels: Int32Array) {
    this.source = source;
    this.size = source.size;
    this.labels = labels;
  }

  get count(): number {
    return this.labels.length;
  }

  /**
   * The pictures of these numbers, (indices.length, height, width, 3) in levels from 0 to 255.
   *
   * @throws ArgumentError for a number that there is not; UserError where their file can't be read.
   */
  read(indices: ArrayLike<number>): Uint8Array {
    const { rows, pixels } = this.source;
    const imageBytes = this.size.height * this.size.width * 3;
    this.reader ??= openPixels(pixels, imageBytes);
    const output = new Uint8Array(indices.length * imageBytes);
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i]!;
      expectInteger('index of a picture', index, { minimum: 0, maximum: this.count - 1 });
      this.reader.read(rows[index]!, output.subarray(i * imageBytes, (i + 1) * imageBytes));
    }
    return output;
  }

  /** Some of the pictures, as a split of its own. */
  subset(indices: ArrayLike<number>): ImageSplit {
    const chosen = Array.from(indices);
    for (const index of chosen) expectInteger('index of a picture', index, { minimum: 0, maximum: this.count - 1 });
    const rows = Uint32Array.from(chosen, (index) => this.source.rows[index]!);
    const labels = Int32Array.from(chosen, (index) => this.labels[index]!);
    return new ImageSplit({ ...this.source, rows }, labels);
  }

  /** Closes the file; reading opens it again. */
  close(): void {
    this.reader?.close();
    this.reader = undefined;
  }
}

/**
 * Keeps a share of a split apart, for data without a test split: drawn by chance, the same for the same seed, the order of
 * the pictures kept.
 *
 * @param fraction of the pictures that `test` gets, at least one
 * @throws ArgumentError where nothing would be left to train on.
 */
export function holdOut(
  split: ImageSplit,
  { fraction = 0.1, seed }: { fraction?: number; seed: number },
): { train: ImageSplit; test: ImageSplit } {
  const numTest = Math.max(1, Math.round(split.count * fraction));
  expectInteger('fraction * count', numTest, { minimum: 1, maximum: split.count - 1 });
  const all = Uint32Array.from({ length: split.count }, (_, i) => i);
  const order = new RandomStream({ seed, stream: imageSplitStream }).shuffle(all);
  return { train: split.subset(order.slice(numTest).sort()), test: split.subset(order.slice(0, numTest).sort()) };
}
