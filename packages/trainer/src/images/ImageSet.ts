import type { ImageSplit } from './ImageSplit.js';
import type { ImageSize } from './RgbImage.js';

/** A picture that was left out. */
export interface SkippedImage {
  name: string;
  problem: string;
}

/** Pictures with classes, ready to be read in any order. */
export interface ImageSet {
  train: ImageSplit;
  /** What is kept apart to evaluate on, where there is such a part. */
  test?: ImageSplit;
  /** Names of the classes by number. */
  classNames: readonly string[];
  /** Size of every picture. */
  size: ImageSize;
  counts: { train: number; test: number; skipped: number; ignored: number };
  /** What was left out, the first thousand; `counts.skipped` counts them all. */
  skipped: readonly SkippedImage[];
  /** SHA-256 of pictures and classes: the same for the same data, wherever it lies. */
  fingerprint: string;
  /** Where the decoded pictures lie, where that is a file. */
  cache?: {
    path: string;
    bytes: number;
    /** Whether it was written now. */
    built: boolean;
    /** What was wrong with the one that was there before. */
    replaced?: string;
  };
  /** Closes the files. */
  close(): void;
}
