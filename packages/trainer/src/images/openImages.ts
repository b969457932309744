import { createHash } from 'node:crypto';
import { availableParallelism, homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';

import {
  expectBoolean,
  expectKnownOptions,
  expectOneOf,
  expectPositiveInteger,
  expectWholeNumber,
  optionNames,
  UserError,
} from '@scmoe/errors';

import { builtProgram, type WorkerProgram } from './builtProgram.js';
import { cacheVersion } from './cache/cacheFormat.js';
import { type CachedSplit, headerBytes } from './cache/cacheFormat.js';
import { type FoundCache, readCache } from './cache/readCache.js';
import { type ImageProgress, writeCache } from './cache/writeCache.js';
import { defaultMaxPixels, type DecodeOptions } from './decode/decodeImage.js';
import type { ImageSet } from './ImageSet.js';
import { ImageSplit } from './ImageSplit.js';
import { checkPreprocessing, type PreprocessSettings } from './preprocess/PreprocessSettings.js';
import type { SourceOptions } from './sources/ImageSource.js';
import { type ImageKind, imageKinds, openSource } from './sources/openSource.js';

/** Options of `openImages`. */
export interface OpenImagesOptions extends DecodeOptions, Omit<SourceOptions, 'skipBad'> {
  /** The form of the data; told by the files by default. */
  kind?: ImageKind;
  /** Resizing and cropping of this are done before the pictures are kept. By default they are kept as large as they are. */
  preprocessing?: PreprocessSettings;
  /** Leave out pictures that can't be used, and count them, instead of failing at the first. */
  skipBad?: boolean;
  /** Where decoded pictures are kept; `scmoe/images` in the user's cache folder by default. */
  cacheFolder?: string;
  /** Threads that decode: as many as the machine runs at once by default. The pictures are the same for any number. */
  workers?: number;
  /** Hears how far it is, now and then while pictures are decoded, and at the end. */
  onProgress?: (progress: ImageProgress) => void;
}

const known = optionNames<OpenImagesOptions>({
  kind: true,
  preprocessing: true,
  skipBad: true,
  cacheFolder: true,
  workers: true,
  onProgress: true,
  maxPixels: true,
  strict: true,
  testSplit: true,
  imageColumn: true,
  labelColumn: true,
});

/**
 * Opens pictures with classes: a folder for each class, CIFAR's binary files, files of the MNIST family, Parquet of the
 * Hugging Face hub, or WebDataset shards. They are decoded once, into a file of bytes in `cacheFolder` that is found again
 * as long as neither the files (names, sizes, times) nor the settings change.
 *
 * @param program what the threads run; without one (source that is not built), pictures are decoded here
 * @throws UserError naming the file or the picture that can't be used; ArgumentError for an option.
 */
export async function openImages(
  path: string,
  options: OpenImagesOptions = {},
  program: WorkerProgram | undefined = builtProgram('decodeWorker'),
): Promise<ImageSet> {
  checkOptions(options);
  const { preprocessing, skipBad = false, maxPixels = defaultMaxPixels, strict = true, onProgress } = options;
  const { workers = availableParallelism() } = options;
  const { cacheFolder = defaultCacheFolder(), testSplit, imageColumn, labelColumn } = options;
  const { kind, source } = await openSource(path, { ...options, skipBad });
  const settings = { kind, skipBad, maxPixels, strict, testSplit, imageColumn, labelColumn };
  const { resize, resample, centerCrop } = preprocessing ?? {};
  const key = createHash('sha256')
    .update(JSON.stringify([cacheVersion, settings, resize && { resize, resample }, centerCrop, source.files]))
    .digest('hex');
  const cachePath = join(cacheFolder, `${basename(resolve(path))}-${key.slice(0, 20)}.images`);

  let found = await readCache(cachePath);
  const built = found === undefined || 'problem' in found;
  const replaced = found !== undefined && 'problem' in found ? found.problem : undefined;
  if (built) {
    await writeCache(cachePath, source, { preprocessing, skipBad, maxPixels, strict, workers, program, onProgress });
    found = await readCache(cachePath);
  }
  if (found === undefined || 'problem' in found)
    throw new UserError(`The image cache ${cachePath} can't be used: ${found?.problem ?? 'it was removed'}.`);
  return imageSetOf(cachePath, found, { built, replaced });
}

function imageSetOf(
  path: string,
  { index, bytes }: Exclude<FoundCache, { problem: string }>,
  { built, replaced }: { built: boolean; replaced?: string },
): ImageSet {
  const { size, classNames, splits, skipped, numSkipped, numIgnored, fingerprint } = index;
  const split = ({ rows, labels }: CachedSplit) =>
    new ImageSplit({ pixels: { path, offset: headerBytes }, size, rows }, labels);
  const train = split(splits.train);
  const test = splits.test.rows.length > 0 ? split(splits.test) : undefined;
  return {
    train,
    test,
    classNames,
    size,
    counts: { train: train.count, test: test?.count ?? 0, skipped: numSkipped, ignored: numIgnored },
    skipped,
    fingerprint,
    cache: { path, bytes, built, replaced },
    close() {
      train.close();
      test?.close();
    },
  };
}

function checkOptions(options: OpenImagesOptions): void {
  expectKnownOptions('openImages', options, known);
  const { kind, skipBad, strict, maxPixels, preprocessing, workers } = options;
  if (kind !== undefined) expectOneOf('kind', kind, imageKinds);
  if (skipBad !== undefined) expectBoolean('skipBad', skipBad);
  if (strict !== undefined) expectBoolean('strict', strict);
  if (maxPixels !== undefined) expectPositiveInteger('maxPixels', maxPixels);
  if (workers !== undefined) expectWholeNumber('workers', workers);
  if (preprocessing !== undefined) checkPreprocessing(preprocessing);
}

function defaultCacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'scmoe', 'images');
}
