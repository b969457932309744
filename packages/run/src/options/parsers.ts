import { resolve } from 'node:path';

import { bytesOf } from '@scmoe/errors';
import { isFolderName } from '@scmoe/trainer';
import { InvalidArgumentError } from 'commander';

/** Takes a path, and makes it absolute: a setting that is kept has to mean the same in another folder. */
export function absolutePath(text: string): string {
  if (text !== '') return resolve(text);
  throw new InvalidArgumentError('Expected a path.');
}

/** Takes the name of a folder or the beginning of one: no path, which would lead elsewhere. */
export function folderName(text: string): string {
  if (isFolderName(text)) return text;
  throw new InvalidArgumentError(
    'Expected a name of 1 to 100 letters without / and \\, that does not begin with a dot.',
  );
}

/** Parses a whole number of at least `minimum`. */
export function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isSafeInteger(value) && value >= minimum) return value;
    throw new InvalidArgumentError(`Expected a whole number of at least ${minimum}.`);
  };
}

/** Parses a number in [minimum, maximum], or above `minimum` where it is exclusive. */
export function realNumber(
  minimum: number,
  { maximum = Infinity, exclusive = false }: { maximum?: number; exclusive?: boolean } = {},
): (text: string) => number {
  return (text) => {
    const value = Number(text);
    const inside = (exclusive ? value > minimum : value >= minimum) && value <= maximum;
    if (text.trim() !== '' && Number.isFinite(value) && inside) return value;
    const lower = exclusive ? `above ${minimum}` : `of at least ${minimum}`;
    throw new InvalidArgumentError(
      `Expected a number ${lower}${maximum === Infinity ? '' : ` and at most ${maximum}`}.`,
    );
  };
}

/** Parses a size of memory: a number of bytes, or one with KiB, MiB, GiB, TiB (K, M, G, T for short) or KB, MB, GB, TB. */
export function byteSize(text: string): number {
  const bytes = bytesOf(text);
  if (bytes !== undefined) return bytes;
  throw new InvalidArgumentError('Expected a size of memory such as 600MiB or 2GiB.');
}
