import { stat } from 'node:fs/promises';
import { basename } from 'node:path';

import { UserError } from '@scmoe/errors';

import { fileError } from '../../fileError.js';
import { cifarSource, isCifarFile } from './cifarSource.js';
import { folderSource } from './folderSource.js';
import { idxSource, isIdxImages } from './idxSource.js';
import type { ImageSource, SourceOptions } from './ImageSource.js';
import { listFiles, listFolder } from './listFiles.js';
import { parquetSource } from './parquetSource.js';
import { webDatasetSource } from './webDatasetSource.js';

/** The forms that pictures come in. */
export type ImageKind = 'folders' | 'cifar' | 'idx' | 'parquet' | 'webdataset';

/** All forms. */
export const imageKinds: readonly ImageKind[] = ['folders', 'cifar', 'idx', 'parquet', 'webdataset'];

const isParquet = (name: string) => /\.parquet$/i.test(name);
const isTar = (name: string) => /\.(tar|tar\.gz|tgz)$/i.test(name);

/**
 * Opens pictures in whichever form they are; `kind` where the form can't be told.
 *
 * @throws UserError naming what is missing or damaged.
 */
export async function openSource(
  path: string,
  options: SourceOptions & { kind?: ImageKind },
): Promise<{ kind: ImageKind; source: ImageSource }> {
  const found = await stat(path).catch((error: unknown) => {
    throw fileError(`read images ${path}`, error);
  });
  const kind = options.kind ?? (found.isDirectory() ? await kindOfFolder(path) : kindOfFile(path));
  if (!found.isDirectory() && kind !== 'parquet' && kind !== 'webdataset')
    throw new UserError(`${path} is a file: expected the folder with the data of kind ${kind}.`);
  const filesWhere = async (belongs: (name: string) => boolean) => {
    const files = found.isDirectory() ? (await listFiles(path)).filter((file) => belongs(basename(file))) : [path];
    if (files.length === 0) throw new UserError(`${path} holds no files of kind ${kind}.`);
    return files;
  };
  switch (kind) {
    case 'folders':
      return { kind, source: await folderSource(path, options) };
    case 'cifar':
      return { kind, source: await cifarSource(path, options) };
    case 'idx':
      return { kind, source: await idxSource(path, options) };
    case 'parquet':
      return { kind, source: await parquetSource(path, await filesWhere(isParquet), options) };
    case 'webdataset':
      return { kind, source: await webDatasetSource(path, await filesWhere(isTar), options) };
  }
}

function kindOfFile(path: string): ImageKind {
  const name = basename(path);
  if (isParquet(name)) return 'parquet';
  if (isTar(name)) return 'webdataset';
  if (isIdxImages(name)) return 'idx';
  if (isCifarFile(name)) return 'cifar';
  throw new UserError(`${path}: expected a folder, or a file .parquet, .tar or .tar.gz, got ${name}.`);
}

async function kindOfFolder(path: string): Promise<ImageKind> {
  const entries = await listFolder(path);
  const below = entries.filter(({ isFolder, isLink }) => isFolder && !isLink);
  const files = entries.filter(({ isFolder }) => !isFolder).map(({ name }) => name);
  // Shards often lie one level down, in data/ or train/. Class folders don't hold any, so a few are enough to look at.
  for (const { path: folder } of below.slice(0, 8)) {
    files.push(
      ...(await listFolder(folder))
        .filter(({ isFolder, name }) => !isFolder && (isParquet(name) || isTar(name)))
        .map(({ name }) => name),
    );
  }
  const kinds: ImageKind[] = [];
  if (files.some(isParquet)) kinds.push('parquet');
  if (files.some(isTar)) kinds.push('webdataset');
  if (files.some(isIdxImages)) kinds.push('idx');
  if (files.some(isCifarFile)) kinds.push('cifar');
  if (kinds.length > 1)
    throw new UserError(`${path} holds data of several kinds: ${kinds.join(', ')}; say which with kind.`);
  return kinds[0] ?? 'folders';
}
