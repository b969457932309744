import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

import { UserError } from '@scmoe/errors';

import { fileError } from '../../fileError.js';
import { makeFolder } from '../../makeFolder.js';
import type { WorkerProgram } from '../builtProgram.js';
import { DecodeWorkers } from '../decode/DecodeWorkers.js';
import { PictureError } from '../decode/PictureError.js';
import { type NamedRecord, readPicture, type ReadPictureOptions } from '../decode/readPicture.js';
import type { SkippedImage } from '../ImageSet.js';
import type { ImageSize, RgbImage } from '../RgbImage.js';
import type { ImageSource, SplitName } from '../sources/ImageSource.js';
import { type CachedSplit, headerOf, indexBytes } from './cacheFormat.js';
import { decodeInOrder } from './decodeInOrder.js';
import { LabelCollector } from './LabelCollector.js';
import { PictureWriter, writeAll } from './PictureWriter.js';
import { removeLeftovers, temporaryName } from './temporaryFiles.js';

/** How far the decoding is. */
export interface ImageProgress {
  /** Pictures dealt with, the skipped ones included. */
  done: number;
  /** How many there are, where that is known. */
  total?: number;
  skipped: number;
}

/** What becomes of the pictures of a source. */
export interface WriteCacheOptions extends ReadPictureOptions {
  skipBad: boolean;
  /** Threads that decode; the file is the same, bit for bit, for any number. */
  workers: number;
  /** What they run; without it pictures are decoded here. */
  program?: WorkerProgram;
  onProgress?: (progress: ImageProgress) => void;
}

const maxListed = 1000;
const progressEvery = 64;

/** The least number of pictures for threads: with fewer they take longer to start than they save. */
const fewPictures = 32;

/**
 * Decodes all pictures of a source into a file at `path`: written under another name, flushed, renamed. So the file is whole
 * or absent, and two processes that write it at once get one each, of which the later replaces its equal.
 *
 * @throws UserError naming the picture that can't be used, or the file that can't be written; nothing is left of it then.
 */
export async function writeCache(path: string, source: ImageSource, options: WriteCacheOptions): Promise<void> {
  const temporary = temporaryName(path);
  let handle: FileHandle | undefined;
  try {
    await makeFolder(dirname(path));
    await removeLeftovers(path);
    handle = await open(temporary, 'wx');
    await decodeAll(handle, source, options);
    await handle.sync();
    await handle.close();
    handle = undefined;
    await rename(temporary, path);
  } catch (error) {
    await handle?.close().catch(() => undefined);
    await rm(temporary, { force: true }).catch(() => undefined);
    throw fileError(`write the image cache ${path}`, error);
  }
}

async function decodeAll(handle: FileHandle, source: ImageSource, options: WriteCacheOptions): Promise<void> {
  const { preprocessing, maxPixels, strict, workers, program } = options;
  const how: ReadPictureOptions = { preprocessing, maxPixels, strict };
  const isWorth = workers > 0 && (source.count ?? Infinity) >= fewPictures;
  const threads = isWorth && program !== undefined ? new DecodeWorkers(how, { workers, program }) : undefined;
  try {
    await writePictures(handle, source, options, (record) =>
      // Levels that are there need no thread, unless they have to be brought to a size.
      threads !== undefined && ('path' in record.picture || record.picture instanceof Uint8Array)
        ? threads.decode(record)
        : readPicture(record, how),
    );
  } finally {
    await threads?.dispose();
  }
}

async function writePictures(
  handle: FileHandle,
  source: ImageSource,
  { skipBad, workers, onProgress }: WriteCacheOptions,
  decode: (record: NamedRecord) => Promise<RgbImage>,
): Promise<void> {
  const writer = new PictureWriter(handle);
  const collector = new LabelCollector(source.classNames);
  const splits: SplitName[] = [];
  const skipped: SkippedImage[] = [];
  let numSkipped = 0;
  let size: (ImageSize & { name: string }) | undefined;
  const skip = (name: string, problem: string, error = new PictureError(name, problem)) => {
    if (!skipBad) throw error;
    numSkipped++;
    if (skipped.length < maxListed) skipped.push({ name, problem });
  };
  const report = () => onProgress?.({ done: splits.length + numSkipped, total: source.count, skipped: numSkipped });

  for await (const record of decodeInOrder(source.records(), { atOnce: 4 * Math.max(1, workers), decode })) {
    if ('error' in record) {
      // A mistake of ours, or a library that is missing, is no bad picture.
      if (!(record.error instanceof PictureError)) throw record.error;
      skip(record.name, record.error.problem, record.error);
    } else if ('problem' in record) skip(record.name, record.problem);
    else {
      const { name, split, label, image } = record;
      size ??= { name, height: image.height, width: image.width };
      const problem =
        collector.problemOf(label) ??
        (image.height === size.height && image.width === size.width ? undefined : otherSize(image, size));
      if (problem !== undefined) skip(name, problem);
      else {
        await writer.add(image.data);
        collector.add(label, name, split);
        splits.push(split);
      }
    }
    if ((splits.length + numSkipped) % progressEvery === 0) report();
  }
  for (const { name, label } of collector.classesOnlyInTest())
    skip(name, `its class ${label} has no pictures to train on`);
  report();
  await writer.flush();

  const { classNames, labels } = collector.finish();
  const train = splitOf('train', splits, labels);
  if (size === undefined || train.rows.length === 0)
    throw new UserError(
      `${source.files[0]?.path ?? 'The data'}: no picture is left to train on, ${numSkipped} were skipped.`,
    );
  const test = splitOf('test', splits, labels);
  const imageSize = { height: size.height, width: size.width };
  const hash = writer.hash.update(JSON.stringify([imageSize, classNames]));
  for (const { rows, labels: classes } of [train, test]) hash.update(bytesOf(rows)).update(bytesOf(classes));
  const index = indexBytes({
    size: imageSize,
    classNames,
    splits: { train, test },
    skipped,
    numSkipped,
    numIgnored: source.numIgnored ?? 0,
    fingerprint: hash.digest('hex'),
  });
  await writeAll(handle, index, writer.position);
  await writeAll(handle, headerOf(index, writer.position), 0);
}

function otherSize({ height, width }: ImageSize, first: ImageSize & { name: string }): string {
  return (
    `expected ${first.width} x ${first.height} pixels as in ${first.name}, got ${width} x ${height}; ` +
    'pictures of several sizes need a size to be brought to'
  );
}

function splitOf(name: SplitName, splits: readonly SplitName[], labels: Int32Array): CachedSplit {
  const rows = Uint32Array.from(splits.keys()).filter((row) => splits[row] === name && labels[row]! >= 0);
  return { rows, labels: Int32Array.from(rows, (row) => labels[row]!) };
}

const bytesOf = (array: Uint32Array | Int32Array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
