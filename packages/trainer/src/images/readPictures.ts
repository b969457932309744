import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

import { UserError } from '@scmoe/errors';
import { fileError } from '../fileError.js';
import { decodeImage } from './decode/decodeImage.js';
import type { RgbImage } from './RgbImage.js';

/** A picture that was named on the command line, or one below a folder that was. */
export interface NamedPicture {
  name: string;
  image: RgbImage;
}

const isPicture = (name: string) => /\.(jpe?g|png|webp)$/i.test(name);

/**
 * Reads pictures one by one: files as they are given, the pictures below folders in the order of their names, and `-` is
 * the standard input.
 *
 * @throws UserError for what is missing, or no picture
 */
export async function* readPictures(paths: readonly string[]): AsyncGenerator<NamedPicture> {
  for (const path of paths) {
    if (path === '-') {
      yield { name: 'standard input', image: await decodeImage(await buffer(process.stdin), 'standard input') };
      continue;
    }
    for (const name of await picturesAt(path)) {
      const bytes = await readFile(name).catch((error: unknown) => cannotRead(name, error));
      yield { name, image: await decodeImage(bytes, name) };
    }
  }
}

async function picturesAt(path: string): Promise<string[]> {
  const found = await stat(path).catch((error: unknown) => cannotRead(path, error));
  if (!found.isDirectory()) return [path];
  const names = await readdir(path, { recursive: true }).catch((error: unknown) => cannotRead(path, error));
  const pictures = names.filter(isPicture).sort();
  if (pictures.length === 0) throw new UserError(`${path} holds no pictures: expected files .jpg, .png or .webp.`);
  return pictures.map((name) => join(path, name));
}

function cannotRead(path: string, error: unknown): never {
  throw fileError(`read ${path}`, error);
}
