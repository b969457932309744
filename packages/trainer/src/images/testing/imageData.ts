import { join } from 'node:path';

import { UserError } from '@scmoe/errors';
import { temporaryFolderForEach } from '@scmoe/testing';

import type { ImageSet } from '../ImageSet.js';
import { openImages, type OpenImagesOptions } from '../openImages.js';
import { writeFiles } from './imageFiles.js';

/** A temporary folder for each test, with image data in it. */
export interface ImageData {
  /** Path of the temporary folder, in which `data` holds the data and `cache` what is kept of them. */
  path: (...names: string[]) => string;
  /** Writes files below `data`. */
  write: (files: Record<string, string | Uint8Array>) => Promise<void>;
  /** Opens data in the temporary folder; without a name those in `data`. */
  open: (name?: string, options?: OpenImagesOptions) => Promise<ImageSet>;
}

/** Prepares a temporary folder for image data before each test. */
export function imageDataForEach(): ImageData {
  const temporary = temporaryFolderForEach();
  const path = (...names: string[]) => join(temporary.path, ...names);
  return {
    path,
    write: (files) => writeFiles(path('data'), files),
    open: (name = 'data', options = {}) => openImages(path(name), { cacheFolder: path('cache'), ...options }),
  };
}

/** The message of the UserError that something must fail with. */
export async function messageOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.catch((e: unknown) => e);
  expect(error).toBeInstanceOf(UserError);
  return (error as Error).message;
}
