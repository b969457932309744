import { open, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { UserError } from '@scmoe/errors';

import { fileError } from '../../fileError.js';
import { chooseSplits } from './chooseSplits.js';
import type { BadRecord, ImageSource, PictureRecord, SourceOptions, SplitName } from './ImageSource.js';
import { describeFiles, listFolder } from './listFiles.js';
import { fromPlanes } from './planes.js';

const side = 32;
const pixelBytes = side * side * 3;
const recordsAtOnce = 500;

/** A file of the binary versions of CIFAR-10 (data_batch_1.bin) and CIFAR-100 (train.bin). */
export const isCifarFile = (name: string) => /^(data_batch_\d+|test_batch|train|test)\.bin$/.test(name);

/**
 * The binary version of CIFAR-10 (a byte for the class, then 32 x 32 bytes of each colour) or CIFAR-100 (a byte for the
 * coarse class before that for the fine one, which counts), in one folder. Which of the two it is, the files' names tell.
 *
 * @throws UserError for a file that is no whole number of records.
 */
export async function cifarSource(path: string, { skipBad, testSplit }: SourceOptions): Promise<ImageSource> {
  const names = (await listFolder(path)).filter(({ name, isFolder }) => !isFolder && isCifarFile(name));
  if (names.length === 0)
    throw new UserError(`${path}: expected data_batch_1.bin, ... (CIFAR-10) or train.bin (CIFAR-100), got neither.`);
  const fine = names.every(({ name }) => !name.includes('batch'));
  if (!fine && names.some(({ name }) => !name.includes('batch')))
    throw new UserError(`${path}: expected the files of CIFAR-10 or of CIFAR-100, got both.`);
  const wordOf = (name: string) => (name.startsWith('test') ? 'test' : 'train');
  const splitOf = chooseSplits(
    path,
    names.map(({ name }) => wordOf(name)),
    testSplit,
  );
  const files = (await describeFiles(names.map((each) => each.path))).sort((a, b) =>
    compareNames(basename(a.path), basename(b.path)),
  );
  const labelBytes = fine ? 2 : 1;
  const numClasses = fine ? 100 : 10;
  const recordBytes = labelBytes + pixelBytes;
  const bad = files
    .filter(({ bytes }) => bytes === 0 || bytes % recordBytes !== 0)
    .map(({ path: name, bytes }): BadRecord => {
      return { name, problem: `expected a whole number of records of ${recordBytes} bytes, got ${bytes} bytes` };
    });
  if (!skipBad && bad.length > 0) throw new UserError(`${bad[0]!.name}: ${bad[0]!.problem}.`);
  const classNames = await readNames(join(path, fine ? 'fine_label_names.txt' : 'batches.meta.txt'));
  return {
    files,
    classNames,
    count: files.reduce((sum, { bytes }) => sum + Math.floor(bytes / recordBytes), 0),
    async *records() {
      yield* bad;
      for (const { path: file, bytes } of files) {
        const split = splitOf(wordOf(basename(file)))!;
        yield* readRecords(file, { split, labelBytes, numClasses, count: Math.floor(bytes / recordBytes) });
      }
    },
  };
}

// Training before testing, and batch 10 after batch 9.
function compareNames(a: string, b: string): number {
  const isTest = (name: string) => Number(name.startsWith('test'));
  return isTest(a) - isTest(b) || a.length - b.length || (a < b ? -1 : 1);
}

async function readNames(path: string): Promise<string[] | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError(`read images ${path}`, error);
  });
  return text?.split(/\r?\n/).filter((name) => name.trim() !== '');
}

interface RecordRange {
  split: SplitName;
  labelBytes: number;
  numClasses: number;
  count: number;
}

async function* readRecords(
  path: string,
  { split, labelBytes, numClasses, count }: RecordRange,
): AsyncGenerator<PictureRecord | BadRecord> {
  const recordBytes = labelBytes + pixelBytes;
  const handle = await open(path).catch((error: unknown) => {
    throw fileError(`read images ${path}`, error);
  });
  try {
    for (let first = 0; first < count; first += recordsAtOnce) {
      const chunk = new Uint8Array(Math.min(recordsAtOnce, count - first) * recordBytes);
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, first * recordBytes);
      if (bytesRead !== chunk.length) throw new UserError(`${path} became shorter while it was read.`);
      for (let at = 0; at < chunk.length; at += recordBytes) {
        const planes = chunk.subarray(at + labelBytes, at + recordBytes);
        const name = `${path}, record ${first + at / recordBytes}`;
        const label = chunk[at + labelBytes - 1]!;
        if (label < numClasses) yield { name, split, label, picture: fromPlanes(planes, side, side) };
        else yield { name, problem: `expected a class from 0 to ${numClasses - 1}, got ${label}` };
      }
    }
  } finally {
    await handle.close();
  }
}
