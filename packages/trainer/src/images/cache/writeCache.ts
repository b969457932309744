import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';

import { UserError } from '@scmoe/errors';

import { fileError } from '../../fileError.js';
import { decodeImage, type DecodeOptions } from '../decode/decodeImage.js';
import type { SkippedImage } from '../ImageSet.js';
import { resizeAndCrop } from '../preprocess/preprocess.js';
import type { PreprocessSettings } from '../preprocess/PreprocessSettings.js';
import type { ImageSize, RgbImage } from '../RgbImage.js';
import type { ImageSource, PictureRecord, SplitName } from '../sources/ImageSource.js';
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
export interface WriteCacheOptions extends DecodeOptions {
  preprocessing?: PreprocessSettings;
  skipBad: boolean;
  onProgress?: (progress: ImageProgress) => void;
}

const maxListed = 1000;
const progressEvery = 64;

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
    await mkdir(dirname(path), { recursive: true });
    await removeLeftovers(path);
    handle = await open(temporary, 'wx');
    await writePictures(handle, source, options);
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

async function writePictures(handle: FileHandle, source: ImageSource, options: WriteCacheOptions): Promise<void> {
  const { skipBad, preprocessing, onProgress } = options;
  const writer = new PictureWriter(handle);
  const collector = new LabelCollector(source.classNames);
  const splits: SplitName[] = [];
  const skipped: SkippedImage[] = [];
  let numSkipped = 0;
  let size: (ImageSize & { name: string }) | undefined;
  const skip = (name: string, problem: string, error = new UserError(`${name}: ${problem}.`)) => {
    if (!skipBad) throw error;
    numSkipped++;
    if (skipped.length < maxListed) skipped.push({ name, problem });
  };
  const report = () => onProgress?.({ done: splits.length + numSkipped, total: source.count, skipped: numSkipped });

  const decode = async (record: PictureRecord) => {
    const image = await imageOf(record, options);
    return preprocessing === undefined ? image : resizeAndCrop(image, preprocessing);
  };
  for await (const record of decodeInOrder(source.records(), { atOnce: 2 * availableParallelism(), decode })) {
    if ('error' in record) {
      // A mistake of ours, or a library that is missing, is no bad picture.
      if (!(record.error instanceof UserError) || !record.error.message.startsWith(record.name)) throw record.error;
      skip(record.name, withoutName(record.error, record.name), record.error);
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

async function imageOf({ name, picture }: PictureRecord, options: DecodeOptions): Promise<RgbImage> {
  if (picture instanceof Uint8Array) return decodeImage(picture, name, options);
  if (!('path' in picture)) return picture;
  const bytes = await readFile(picture.path).catch((error: unknown) => {
    const known = fileError('read it', error);
    throw known instanceof UserError ? new UserError(`${name}: ${known.message}`, { cause: error }) : known;
  });
  return decodeImage(bytes, name, options);
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

function withoutName(error: Error, name: string): string {
  return error.message.slice(name.length).replace(/^: /, '').replace(/\.$/, '');
}

const bytesOf = (array: Uint32Array | Int32Array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
