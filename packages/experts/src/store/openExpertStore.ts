import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import {
  ArgumentError,
  bytesText,
  expectBoolean,
  expectKnownOptions,
  expectOneOf,
  expectPositive,
  expectPositiveInteger,
  expectWholeNumber,
  optionNames,
  UserError,
} from '@scmoe/errors';
import { fileError } from '@scmoe/trainer';

import { ExpertStore, type ExpertStoreOptions } from './ExpertStore.js';
import { dataFile, headerFile, parseHeader, type ExpertStoreHeader } from './ExpertStoreHeader.js';

const optionNamesOfStore = optionNames<ExpertStoreOptions>({
  cacheBytes: true,
  policy: true,
  numReaders: true,
  direct: true,
  maxBytesPerSecond: true,
  readTimeoutMs: true,
});

/**
 * Opens a folder that `packExperts` has written. Close it when the model is not used any more.
 *
 * @throws UserError where the folder is none, or damaged, or its experts are larger than the cache; ArgumentError naming the
 *   option that there is not or that can't be
 */
export async function openExpertStore(folder: string, options: ExpertStoreOptions): Promise<ExpertStore> {
  expectKnownOptions('openExpertStore', options, optionNamesOfStore);
  expectWholeNumber('cacheBytes', options.cacheBytes);
  expectOneOf('policy', options.policy ?? 'belady', ['belady', 'lru']);
  expectPositiveInteger('numReaders', options.numReaders ?? 1);
  expectBoolean('direct', options.direct ?? false);
  expectPositive('maxBytesPerSecond', options.maxBytesPerSecond ?? 1);
  expectPositive('readTimeoutMs', options.readTimeoutMs ?? 1);
  const header = await readHeader(folder);
  const path = join(folder, dataFile);
  const { layers, numExperts, stride } = header;
  await expectSize(path, stride * numExperts * layers.length);
  if (options.cacheBytes < stride)
    throw new UserError(
      `expert cache: expected at least ${bytesText(stride)}, which one expert of ${folder} takes, got ${bytesText(options.cacheBytes)}.`,
      { exitCode: 2 },
    );
  try {
    return new ExpertStore(folder, header, options);
  } catch (error) {
    throw fileError(`open ${path}`, error);
  }
}

async function readHeader(folder: string): Promise<ExpertStoreHeader> {
  const path = join(folder, headerFile);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw fileError(`read ${path}, which \`scmoe experts pack\` writes`, error);
  });
  try {
    return parseHeader(text);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    throw new UserError(`${path}: ${error.message}.`, { cause: error });
  }
}

async function expectSize(path: string, expected: number): Promise<void> {
  try {
    const file = await open(path, 'r');
    const { size } = await file.stat().finally(() => file.close());
    if (size !== expected) throw new UserError(`${path}: expected ${expected} bytes, got ${size}: it was cut short.`);
  } catch (error) {
    throw fileError(`read ${path}`, error);
  }
}
