import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cp, mkdir, truncate } from 'node:fs/promises';

import type { ImageProgress } from '../cache/writeCache.js';
import { imageDataForEach, messageOf } from '../testing/imageData.js';
import { contentOf } from '../testing/imageFiles.js';

const parquet = join(dirname(fileURLToPath(import.meta.url)), '..', 'testing', 'parquet');
const { path, open } = imageDataForEach();

describe('Parquet', () => {
  it('of the hub tells splits by names and classes by its metadata, whatever the compression', async () => {
    await cp(join(parquet, 'hub'), path('data'), { recursive: true });
    const progress: ImageProgress[] = [];
    const set = await open('data', { onProgress: (each) => void progress.push(each) });
    expect(set.classNames).toEqual(['cat', 'dog']);
    expect(contentOf(set, set.train).map(([name, level]) => `${name}${level}`)).toEqual([
      'cat0',
      'dog1',
      'cat2',
      'dog3',
      'dog4',
      'cat5',
      'dog6',
      'cat7',
    ]);
    expect(contentOf(set, set.test)).toEqual([
      ['cat', 8],
      ['dog', 9],
    ]);
    expect(progress.at(-1)).toEqual({ done: 10, total: 10, skipped: 0 });
  });

  it('may have pictures beside it instead of in it', async () => {
    await cp(join(parquet, 'beside'), path('data'), { recursive: true });
    expect(await messageOf(open())).toMatch(
      /some\.parquet, row 1: Can't read its picture gone\.png: it does not exist/,
    );
    const set = await open('data', { skipBad: true });
    expect(contentOf(set, set.train)).toEqual([['3', 10]]);
  });

  it('says which row has no class or no picture', async () => {
    await mkdir(path('data'));
    await cp(join(parquet, 'unlabeled.parquet'), path('data', 'all.parquet'));
    expect(await messageOf(open('data/all.parquet'))).toMatch(/row 0: expected a class in label, got "?-1/);
    const set = await open('data/all.parquet', { skipBad: true });
    expect(contentOf(set, set.train)).toEqual([['dog', 12]]);
    expect(set.skipped[1]!.problem).toBe('expected bytes or a path in image, got null');
    expect(await messageOf(open('data/all.parquet', { labelColumn: 'kind' }))).toMatch(
      /labelColumn: expected one of the columns image, label, note, got kind/,
    );
  });

  it('says where a file is damaged, and can go on with the others', async () => {
    await cp(join(parquet, 'hub'), path('data'), { recursive: true });
    const damaged = path('data', 'data', 'train-00001-of-00002.parquet');
    await truncate(damaged, 400);
    expect(await messageOf(open())).toMatch(/train-00001-of-00002\.parquet: can't be read as Parquet: /);
    expect((await open('data', { skipBad: true })).counts).toMatchObject({ train: 6, test: 2, skipped: 1 });
  });
});
