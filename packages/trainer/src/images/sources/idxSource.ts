import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

import { UserError } from '@scmoe/errors';

import { fileError } from '../../fileError.js';
import { chooseSplits, splitWord } from './chooseSplits.js';
import type { BadRecord, ImageSource, PictureRecord, SourceOptions, SplitName } from './ImageSource.js';
import { describeFiles, listFolder } from './listFiles.js';
import { fromGray } from './planes.js';

const imagesMagic = 0x803;
const labelsMagic = 0x801;
/** What a compressed file may unpack to: MNIST's largest relative, EMNIST ByClass, has 0.6 GB. */
const maxBytes = 2 ** 31 - 1;

/** A file of pictures of the MNIST family: train-images-idx3-ubyte, also with dots, also compressed. */
export const isIdxImages = (name: string) => /images[-.]idx3[-.]ubyte(\.gz)?$/.test(name);

interface Pair {
  images: string;
  labels: string;
}

/**
 * Files of the MNIST family in one folder: pictures (magic 0x803) and classes (0x801), big-endian, perhaps compressed.
 * Gray becomes three equal channels. The files tell no names of classes.
 *
 * @throws UserError for a missing file, another magic number, and sizes that do not fit.
 */
export async function idxSource(path: string, { skipBad, testSplit }: SourceOptions): Promise<ImageSource> {
  const names = new Set((await listFolder(path)).filter(({ isFolder }) => !isFolder).map((entry) => entry.path));
  const images = [...names].filter((name) => isIdxImages(basename(name)));
  if (images.length === 0) throw new UserError(`${path}: expected train-images-idx3-ubyte or the like, got none.`);
  const wordOf = (name: string) => (basename(name).includes('t10k') ? 'test' : splitWord(basename(name)));
  const splitOf = chooseSplits(path, images.map(wordOf), testSplit);
  const pairs = images
    .flatMap((name): (Pair & { split: SplitName })[] => {
      const split = splitOf(wordOf(name));
      return split === undefined ? [] : [{ ...pairOf(name, names), split }];
    })
    .sort((a, b) => (a.split === b.split ? 0 : a.split === 'train' ? -1 : 1));
  return {
    files: await describeFiles(pairs.flatMap((pair) => [pair.images, pair.labels])),
    async *records() {
      for (const pair of pairs) {
        try {
          yield* readPair(pair);
        } catch (error) {
          if (!skipBad || !(error instanceof UserError)) throw error;
          yield { name: pair.images, problem: error.message } satisfies BadRecord;
        }
      }
    },
  };
}

function pairOf(images: string, names: ReadonlySet<string>): Pair {
  const stem = images.replace(/images([-.])idx3([-.])ubyte(\.gz)?$/, 'labels$1idx1$2ubyte');
  const labels = [stem, `${stem}.gz`].find((name) => names.has(name));
  if (labels === undefined) throw new UserError(`${images}: expected its classes in ${stem}, which does not exist.`);
  return { images, labels };
}

async function* readPair({ images, labels, split }: Pair & { split: SplitName }): AsyncGenerator<PictureRecord> {
  const classes = await readIdx(labels, labelsMagic);
  const pictures = await readIdx(images, imagesMagic);
  const [count, height, width] = pictures.shape as [number, number, number];
  if (classes.shape[0] !== count)
    throw new UserError(`${labels}: expected the classes of ${count} pictures, got ${classes.shape[0]}.`);
  const pixels = height * width;
  for (let i = 0; i < count; i++) {
    const gray = pictures.data.subarray(i * pixels, (i + 1) * pixels);
    yield { name: `${images}, picture ${i}`, split, label: classes.data[i]!, picture: fromGray(gray, width, height) };
  }
}

async function readIdx(path: string, magic: number): Promise<{ shape: number[]; data: Uint8Array }> {
  const bytes = await readUnpacked(path);
  const rank = magic & 0xff;
  const headerBytes = 4 + 4 * rank;
  if (bytes.length < headerBytes || bytes.readUInt32BE(0) !== magic) {
    const got = bytes.length < 4 ? `${bytes.length} bytes` : `0x${bytes.readUInt32BE(0).toString(16)}`;
    throw new UserError(`${path}: expected an IDX file that begins with 0x${magic.toString(16)}, got ${got}.`);
  }
  const shape = Array.from({ length: rank }, (_, i) => bytes.readUInt32BE(4 + 4 * i));
  const size = shape.reduce((product, length) => product * length, 1);
  if (size !== bytes.length - headerBytes)
    throw new UserError(
      `${path}: expected ${size} bytes of data for (${shape.join(', ')}), got ${bytes.length - headerBytes}.`,
    );
  return { shape, data: bytes.subarray(headerBytes) };
}

async function readUnpacked(path: string): Promise<Buffer> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw fileError(`read images ${path}`, error);
  });
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    throw new UserError(`${path}: can't be unpacked: ${(error as Error).message}.`, { cause: error });
  }
}
