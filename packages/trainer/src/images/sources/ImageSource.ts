import type { RgbImage } from '../RgbImage.js';

/** Which part of a data set a picture belongs to. */
export type SplitName = 'train' | 'test';

/** A file that pictures come from, and what tells that it has changed. */
export interface SourceFile {
  path: string;
  bytes: number;
  mtimeMs: number;
}

/** One picture of a data set, not decoded where it is in a file. */
export interface PictureRecord {
  /** What an error calls it. */
  name: string;
  split: SplitName;
  /** Number or name of its class. */
  label: number | string;
  /** Its pixels, its file's content, or where that is. */
  picture: RgbImage | Uint8Array | { path: string };
}

/** What is no picture although it should be. */
export interface BadRecord {
  name: string;
  problem: string;
}

/** Pictures in the form that people have them in. */
export interface ImageSource {
  /** All that a change of the data would show in. */
  files: readonly SourceFile[];
  /** Names of the classes by number, where the data tell. */
  classNames?: readonly string[];
  /** How many pictures there are, where that is known before they are read. */
  count?: number;
  /** Files in between that are no pictures and don't claim to be. */
  numIgnored?: number;
  /** The pictures, always in the same order. */
  records(): AsyncIterable<PictureRecord | BadRecord>;
}

/** What sources are told. */
export interface SourceOptions {
  /** Leave out what is damaged instead of failing. */
  skipBad: boolean;
  /** The only part to read besides train, where there are several: `test`, `val`, ... */
  testSplit?: string;
  /** Column of the pictures, in Parquet files that have several. */
  imageColumn?: string;
  /** Column of the classes, in Parquet files that have several; field of the json files of a WebDataset. */
  labelColumn?: string;
}
