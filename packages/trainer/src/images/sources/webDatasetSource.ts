import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';

import { UserError } from '@scmoe/errors';
import { extract } from 'tar-stream';

import { fileError } from '../../fileError.js';
import { chooseShards } from './chooseShards.js';
import type { BadRecord, ImageSource, PictureRecord, SourceOptions, SplitName } from './ImageSource.js';
import { describeFiles } from './listFiles.js';

/** Files of a shard that have a key in common, by what stands behind it. */
interface Sample {
  key: string;
  files: Map<string, Buffer>;
}

const pictureExtensions = ['jpg', 'jpeg', 'png', 'webp'];
const labelFields = ['label', 'cls', 'class'];
/** A picture's file is smaller by far: no shard can make us hold more at a time. */
const maxFileBytes = 2 ** 28;

/**
 * Shards in the form of WebDataset: tar files, perhaps compressed, with files of one sample one after the other. A sample's
 * key ends at the FIRST dot of the name, and what follows tells what a file is: a picture (jpg, jpeg, png, webp) and its
 * class, in `cls` (a number or a name) or in a field of `json`. Names that begin with a dot or with `__` are skipped. Splits
 * are told by the shards' names.
 *
 * @throws UserError for a shard that is damaged, a sample without a picture or without a class.
 */
export async function webDatasetSource(
  root: string,
  paths: readonly string[],
  options: SourceOptions,
): Promise<ImageSource> {
  const chosen = chooseShards(root, paths, options.testSplit);
  return {
    files: await describeFiles(chosen.map(({ path }) => path)),
    async *records() {
      for (const { path, split } of chosen) {
        try {
          for await (const sample of readSamples(path)) yield recordOf(path, split, sample, options.labelColumn);
        } catch (error) {
          if (!options.skipBad || !(error instanceof UserError)) throw error;
          yield { name: path, problem: error.message };
        }
      }
    },
  };
}

async function* readSamples(path: string): AsyncGenerator<Sample> {
  const compressed = await isCompressed(path);
  const entries = extract();
  const file = createReadStream(path, { highWaterMark: 1 << 20 });
  const unpacked = compressed ? file.pipe(createGunzip()) : file;
  // Errors don't travel along pipes: the end of the line has to hear of them.
  file.on('error', (error) => entries.destroy(error));
  if (compressed) unpacked.on('error', (error: Error) => entries.destroy(error));
  unpacked.pipe(entries);
  let sample: Sample | undefined;
  try {
    for await (const entry of entries) {
      const { type, size = 0, name } = entry.header;
      const part = type === 'file' || type === 'contiguous-file' ? partOf(name) : undefined;
      if (part === undefined) {
        entry.resume();
        continue;
      }
      if (size > maxFileBytes) throw new UserError(`${name} has ${size} bytes, expected at most ${maxFileBytes}`);
      if (sample !== undefined && sample.key !== part.key) {
        yield sample;
        sample = undefined;
      }
      sample ??= { key: part.key, files: new Map() };
      if (sample.files.has(part.extension)) throw new UserError(`${name} is there twice`);
      sample.files.set(part.extension, await buffer(entry));
    }
  } catch (error) {
    const known = fileError(`read images ${path}`, error);
    throw known instanceof UserError && known !== error
      ? known
      : new UserError(`${path}: can't be read as a tar file of samples: ${(error as Error).message}.`, {
          cause: error,
        });
  } finally {
    file.destroy();
    if (compressed) unpacked.destroy();
  }
  if (sample !== undefined) yield sample;
}

/** Key and extension of a file; undefined for one that belongs to no sample. */
function partOf(name: string): { key: string; extension: string } | undefined {
  const base = name.slice(name.lastIndexOf('/') + 1);
  const dot = base.indexOf('.');
  if (dot < 1 || base.startsWith('__')) return undefined;
  const key = name.slice(0, name.length - base.length + dot);
  return { key, extension: base.slice(dot + 1).toLowerCase() };
}

function recordOf(
  path: string,
  split: SplitName,
  { key, files }: Sample,
  labelField?: string,
): PictureRecord | BadRecord {
  const name = `${path}, sample ${key}`;
  const extension = pictureExtensions.find((each) => files.has(each));
  if (extension === undefined) {
    const others = [...files.keys()];
    const hint = others.some((each) => each.includes('.')) ? ' (a key ends at the first dot)' : '';
    return { name, problem: `expected a picture (${pictureExtensions.join(', ')}), got ${others.join(', ')}${hint}` };
  }
  const label = labelOf(files, labelField);
  if (label === undefined)
    return {
      name,
      problem: `expected its class in cls or in ${labelField ?? labelFields.join(', ')} of json, got none`,
    };
  return { name, split, label, picture: files.get(extension)! };
}

function labelOf(files: ReadonlyMap<string, Buffer>, labelField?: string): number | string | undefined {
  const text = files.get('cls')?.toString().trim();
  if (text !== undefined && text !== '' && labelField === undefined) return /^-?\d+$/.test(text) ? Number(text) : text;
  let fields: Record<string, unknown>;
  try {
    fields = (JSON.parse(files.get('json')?.toString() ?? '{}') ?? {}) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const found = (labelField === undefined ? labelFields : [labelField]).map((field) => fields[field]);
  return found.find((value): value is number | string => {
    return typeof value === 'string' || Number.isSafeInteger(value);
  });
}

async function isCompressed(path: string): Promise<boolean> {
  const handle = await open(path).catch((error: unknown) => {
    throw fileError(`read images ${path}`, error);
  });
  try {
    const { bytesRead, buffer: first } = await handle.read(new Uint8Array(2), 0, 2, 0);
    if (bytesRead === 0) throw new UserError(`${path} is empty: expected a tar file.`);
    return first[0] === 0x1f && first[1] === 0x8b;
  } finally {
    await handle.close();
  }
}
