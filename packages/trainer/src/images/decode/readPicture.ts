import { readFile } from 'node:fs/promises';

import { UserError } from '@scmoe/errors';

import { fileError } from '../../fileError.js';
import { resizeAndCrop } from '../preprocess/preprocess.js';
import type { PreprocessSettings } from '../preprocess/PreprocessSettings.js';
import type { RgbImage } from '../RgbImage.js';
import type { PictureRecord } from '../sources/ImageSource.js';
import { decodeImage, type DecodeOptions } from './decodeImage.js';
import { PictureError } from './PictureError.js';

/** How a picture of a source becomes levels of the size that is kept. */
export interface ReadPictureOptions extends DecodeOptions {
  /** Resizing and cropping of it are done; without it pictures stay as large as they are. */
  preprocessing?: PreprocessSettings;
}

/** A picture of a source, of which its place alone counts. */
export type NamedRecord = Pick<PictureRecord, 'name' | 'picture'>;

/**
 * Reads a picture of a source, decodes it, and brings it to its size: a function of its arguments, whichever thread runs it.
 *
 * @throws PictureError for a picture that can't be used
 */
export async function readPicture(record: NamedRecord, options: ReadPictureOptions): Promise<RgbImage> {
  const image = await decoded(record, options);
  return options.preprocessing === undefined ? image : resizeAndCrop(image, options.preprocessing);
}

async function decoded({ name, picture }: NamedRecord, options: DecodeOptions): Promise<RgbImage> {
  if (picture instanceof Uint8Array) return decodeImage(picture, name, options);
  if (!('path' in picture)) return picture;
  const bytes = await readFile(picture.path).catch((error: unknown) => {
    const known = fileError('read it', error);
    if (!(known instanceof UserError)) throw known;
    throw new PictureError(name, known.message.replace(/\.$/, ''), { cause: error });
  });
  return decodeImage(bytes, name, options);
}
