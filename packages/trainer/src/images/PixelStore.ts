import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

import { UserError } from '@scmoe/errors';

import { fileError } from '../fileError.js';

/** Where decoded pictures lie, one after the other; can be sent to another thread. */
export type PixelSource = { path: string; offset: number } | { memory: SharedArrayBuffer };

/** Decoded pictures by number. */
export interface PixelReader {
  /** Copies the bytes of picture `index` to `target`, which has room for exactly one. */
  read(index: number, target: Uint8Array): void;
  close(): void;
}

/**
 * Opens pictures of `imageBytes` each, of which a file is read as they are asked for: the operating system keeps in memory
 * what it has room for.
 *
 * @throws UserError naming the file, where it can't be opened; `read` does where it can't be read.
 */
export function openPixels(source: PixelSource, imageBytes: number): PixelReader {
  if ('memory' in source) {
    const all = new Uint8Array(source.memory);
    return {
      read: (index, target) => target.set(all.subarray(index * imageBytes, (index + 1) * imageBytes)),
      close: () => undefined,
    };
  }
  const { path, offset } = source;
  const attempt = <T>(use: () => T): T => {
    try {
      return use();
    } catch (error) {
      throw fileError(`read the image cache ${path}`, error);
    }
  };
  let file: number | undefined = attempt(() => openSync(path, 'r'));
  return {
    read(index, target) {
      if (file === undefined) throw new UserError(`The image cache ${path} is closed.`);
      const from = offset + index * imageBytes;
      const bytes = attempt(() => readSync(file!, target, 0, imageBytes, from));
      if (bytes === imageBytes) return;
      const { size } = fstatSync(file);
      throw new UserError(`The image cache ${path} became shorter: expected ${from + imageBytes} bytes, got ${size}.`);
    },
    close() {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}
