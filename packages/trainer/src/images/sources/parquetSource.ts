import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import { UserError, valueText } from '@scmoe/errors';
import type { AsyncBuffer, FileMetaData } from 'hyparquet';

import { fileError } from '../../fileError.js';
import { chooseShards } from './chooseShards.js';
import type { BadRecord, ImageSource, PictureRecord, SourceOptions, SplitName } from './ImageSource.js';
import { describeFiles } from './listFiles.js';

/** What the `datasets` library writes into a file's metadata, in the parts that count here. */
interface Feature {
  _type?: string;
  names?: unknown;
}

interface Columns {
  image: string;
  label: string;
  classNames?: string[];
}

interface Table {
  file: AsyncBuffer;
  metadata: FileMetaData;
  columns: Columns;
}

type Row = Record<string, unknown>;

/** Columns that hold the class by custom, the finest first where there are several. */
const labelNames = ['label', 'labels', 'fine_label', 'class'];

/**
 * Parquet files as the Hugging Face hub has them: a column with the pictures, each a file's bytes or a path beside the
 * Parquet file, and one with the classes. Splits are told by the files' names, as `datasets` does. One row group at a time is
 * in memory.
 *
 * @throws UserError for a file that is damaged, has no such columns, or other classes than the first.
 */
export async function parquetSource(
  root: string,
  paths: readonly string[],
  options: SourceOptions,
): Promise<ImageSource> {
  const chosen = chooseShards(root, paths, options.testSplit);

  const tables = new Map<string, Table>();
  const bad: BadRecord[] = [];
  for (const { path } of chosen) {
    try {
      tables.set(path, await openTable(path, options));
    } catch (error) {
      if (!options.skipBad || !(error instanceof UserError)) throw error;
      bad.push({ name: path, problem: error.message });
    }
  }
  const [first] = tables.values();
  const classNames = first?.columns.classNames;
  for (const [path, { columns }] of tables) {
    if (JSON.stringify(columns.classNames) !== JSON.stringify(classNames))
      throw new UserError(
        `${path}: expected the classes ${valueText(classNames)}, got ${valueText(columns.classNames)}.`,
      );
  }
  return {
    files: await describeFiles(chosen.map(({ path }) => path)),
    classNames,
    count: [...tables.values()].reduce((sum, { metadata }) => sum + Number(metadata.num_rows), 0),
    async *records() {
      yield* bad;
      for (const { path, split } of chosen) {
        const table = tables.get(path);
        if (table !== undefined) yield* readTable(path, split, table, options.skipBad);
      }
    },
  };
}

async function openTable(path: string, options: SourceOptions): Promise<Table> {
  const { asyncBufferFromFile, parquetMetadataAsync } = await import('hyparquet');
  let file: AsyncBuffer;
  let metadata: FileMetaData;
  try {
    file = await asyncBufferFromFile(path);
    metadata = await parquetMetadataAsync(file);
  } catch (error) {
    throw asUserError(path, error);
  }
  return { file, metadata, columns: await findColumns(path, metadata, options) };
}

async function findColumns(path: string, metadata: FileMetaData, options: SourceOptions): Promise<Columns> {
  const { parquetSchema } = await import('hyparquet');
  const features = featuresOf(metadata);
  const columns = parquetSchema(metadata).children;
  const names = columns.map(({ element }) => element.name);
  const ofType = (type: string) => names.filter((name) => features[name]?._type === type);
  const structs = columns.filter(({ children }) => children.some(({ element }) => element.name === 'bytes'));
  const images = ofType('Image').length > 0 ? ofType('Image') : structs.map(({ element }) => element.name);
  const labels = labelNames.filter((name) => names.includes(name)).slice(0, 1);
  const choose = (option: 'imageColumn' | 'labelColumn', candidates: string[]): string => {
    const chosen = options[option] ?? (candidates.length === 1 ? candidates[0] : undefined);
    if (chosen !== undefined && names.includes(chosen)) return chosen;
    const got = chosen ?? (candidates.length > 1 ? `a choice of ${candidates.join(', ')}` : 'none');
    throw new UserError(`${path}: ${option}: expected one of the columns ${names.join(', ')}, got ${got}.`);
  };
  const label = choose('labelColumn', labels.length > 0 ? labels : ofType('ClassLabel'));
  const classNames = features[label]?.names;
  return {
    image: choose('imageColumn', images),
    label,
    classNames: Array.isArray(classNames) ? classNames.map(String) : undefined,
  };
}

function featuresOf(metadata: FileMetaData): Record<string, Feature> {
  const text = metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  if (text === undefined) return {};
  try {
    const { info } = JSON.parse(text) as { info?: { features?: Record<string, Feature> } };
    return info?.features ?? {};
  } catch {
    return {};
  }
}

async function* readTable(
  path: string,
  split: SplitName,
  { file, metadata, columns }: Table,
  skipBad: boolean,
): AsyncGenerator<PictureRecord | BadRecord> {
  const { parquetReadObjects } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    let rows: Row[];
    try {
      rows = await parquetReadObjects({
        ...{ file, metadata, compressors, rowStart, rowEnd },
        columns: [columns.image, columns.label],
        // Without it, pictures become text, for a column of bytes may hold text without saying so.
        utf8: false,
      });
    } catch (error) {
      if (!skipBad) throw asUserError(path, error);
      yield { name: `${path}, rows ${rowStart} to ${rowEnd - 1}`, problem: (error as Error).message };
      rows = [];
    }
    for (const [i, row] of rows.entries())
      yield await recordOf(`${path}, row ${rowStart + i}`, row, { split, columns, folder: dirname(path) });
    rowStart = rowEnd;
  }
}

async function recordOf(
  name: string,
  row: Row,
  { split, columns, folder }: { split: SplitName; columns: Columns; folder: string },
): Promise<PictureRecord | BadRecord> {
  const label = labelOf(row[columns.label]);
  if (label === undefined)
    return { name, problem: `expected a class in ${columns.label}, got ${valueText(row[columns.label])}` };
  const value = row[columns.image];
  if (value instanceof Uint8Array) return { name, split, label, picture: value };
  const { bytes, path } = (value ?? {}) as { bytes?: unknown; path?: unknown };
  if (bytes instanceof Uint8Array) return { name, split, label, picture: bytes };
  if (typeof path !== 'string')
    return {
      name,
      problem: `expected bytes or a path in ${columns.image}, got ${value === null ? 'null' : 'neither'}`,
    };
  // datasets leaves the bytes out where the file lay beside it when it wrote.
  return readFile(resolve(folder, path)).then(
    (picture) => ({ name, split, label, picture }),
    (error: unknown) => ({ name, problem: (fileError(`read its picture ${path}`, error) as Error).message }),
  );
}

/** The class, or undefined where there is none: null, or the -1 of test sets whose classes are secret. */
function labelOf(value: unknown): number | string | undefined {
  const label =
    typeof value === 'bigint' ? Number(value) : value instanceof Uint8Array ? Buffer.from(value).toString() : value;
  if (typeof label === 'string') return label;
  return Number.isSafeInteger(label) && (label as number) >= 0 ? (label as number) : undefined;
}

function asUserError(path: string, error: unknown): unknown {
  const known = fileError(`read images ${path}`, error);
  if (known instanceof UserError) return known;
  return new UserError(`${path}: can't be read as Parquet: ${(error as Error).message}.`, { cause: error });
}
