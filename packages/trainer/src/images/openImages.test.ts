import { chmod, cp, mkdir, readdir, readFile, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { ArgumentError, UserError } from '@scmoe/errors';
import { itOrSkip, temporaryFolderForEach } from '@scmoe/testing';

import type { ImageProgress } from './cache/writeCache.js';
import { openImages, type OpenImagesOptions } from './openImages.js';
import { contentOf, png, tarOf, writeFiles } from './testing/imageFiles.js';

const parquet = join(dirname(fileURLToPath(import.meta.url)), 'testing', 'parquet');
const temporary = temporaryFolderForEach();
const open = (name = 'data', options: OpenImagesOptions = {}) =>
  openImages(join(temporary.path, name), { cacheFolder: join(temporary.path, 'cache'), ...options });
const write = (files: Record<string, string | Uint8Array>) => writeFiles(join(temporary.path, 'data'), files);

async function messageOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.catch((e: unknown) => e);
  expect(error).toBeInstanceOf(UserError);
  return (error as Error).message;
}

describe('folders', () => {
  it('are classes, in the order of their names', async () => {
    await write({ 'dog/b.png': await png(2), 'dog/a.PNG': await png(1), 'cat/deep/c.png': await png(3) });
    const set = await open();
    expect(set.classNames).toEqual(['cat', 'dog']);
    expect(contentOf(set, set.train)).toEqual([
      ['cat', 3],
      ['dog', 1],
      ['dog', 2],
    ]);
    expect(set.test).toBeUndefined();
    expect(set.size).toEqual({ height: 3, width: 4 });
    expect(set.counts).toEqual({ train: 3, test: 0, skipped: 0, ignored: 0 });
    set.close();
  });

  it('may lie below train and val or test, of which val comes first', async () => {
    await write({ 'train/a/1.png': await png(1), 'test/a/2.png': await png(2), 'val/a/3.png': await png(3) });
    const set = await open();
    expect([contentOf(set, set.train), contentOf(set, set.test)]).toEqual([[['a', 1]], [['a', 3]]]);
    const other = await open('data', { testSplit: 'test' });
    expect(contentOf(other, other.test)).toEqual([['a', 2]]);
    expect(await messageOf(open('data', { testSplit: 'dev' }))).toMatch(/expected a split dev, got val, test\.$/);
  });

  it('may be called like a split where no other is', async () => {
    await write({ 'test/1.png': await png(1), 'other/2.png': await png(2) });
    expect((await open()).classNames).toEqual(['other', 'test']);
  });

  it('may be links, but links below are not followed, which may lead in a circle', async () => {
    await write({ 'cat/1.png': await png(1) });
    await writeFiles(temporary.path, { 'elsewhere/2.png': await png(2) });
    await symlink(join(temporary.path, 'elsewhere'), join(temporary.path, 'data', 'dog'));
    await symlink(join(temporary.path, 'data'), join(temporary.path, 'data', 'cat', 'circle'));
    const set = await open();
    expect(contentOf(set, set.train)).toEqual([
      ['cat', 1],
      ['dog', 2],
    ]);
  });

  it('leave out hidden files and count what is no picture', async () => {
    await write({ 'a/1.png': await png(1), 'a/.DS_Store': 'x', 'a/notes.txt': 'x', 'README.md': 'x' });
    expect((await open()).counts).toEqual({ train: 1, test: 0, skipped: 0, ignored: 2 });
  });

  const failures: [string, () => Promise<Record<string, string | Uint8Array>>, RegExp][] = [
    [
      'a folder without classes',
      () => Promise.resolve({ 'notes.txt': 'x' }),
      /data has no classes: expected a folder for/,
    ],
    [
      'a picture outside of the classes',
      async () => ({ '1.png': await png(1), 'a/1.png': await png(1) }),
      /data\/1\.png: it lies outside of the folders of the classes\.$/,
    ],
    [
      'a class without pictures',
      async () => ({ 'a/1.png': await png(1), 'b/notes.txt': 'x' }),
      /data\/b: the class has no pictures: expected \.jpg, \.png or \.webp files\.$/,
    ],
    [
      'a class that only the test split has',
      async () => ({ 'train/a/1.png': await png(1), 'test/a/1.png': await png(1), 'test/b/1.png': await png(1) }),
      /data\/test\/b: the class has no pictures to train on\.$/,
    ],
    [
      'an empty picture',
      async () => ({ 'a/1.png': await png(1), 'a/2.png': '' }),
      /data\/a\/2\.png: expected a picture, got an empty file\.$/,
    ],
    [
      'a damaged picture',
      async () => ({ 'a/1.png': await png(1), 'a/2.png': (await png(2)).subarray(0, 60) }),
      /data\/a\/2\.png: can't decode the picture: /,
    ],
    [
      'pictures of several sizes',
      async () => ({ 'a/1.png': await png(1), 'a/2.png': await png(2, { width: 5 }) }),
      /data\/a\/2\.png: expected 4 x 3 pixels as in .*data\/a\/1\.png, got 5 x 3; pictures of several sizes need a size/,
    ],
  ];
  it.each(failures)('say what is wrong with %s, and leave nothing behind', async (_, files, message) => {
    await write(await files());
    expect(await messageOf(open())).toMatch(message);
    expect(await readdir(join(temporary.path, 'cache')).catch(() => [])).toEqual([]);
  });

  it('count what is skipped, and say why', async () => {
    await write({
      'train/a/1.png': await png(1),
      'train/a/2.png': '',
      'train/a/3.png': await png(3),
      'train/empty/notes.txt': 'x',
      'test/a/4.png': 'no picture',
      'test/b/5.png': await png(5),
    });
    const set = await open('data', { skipBad: true });
    expect(contentOf(set, set.train)).toEqual([
      ['a', 1],
      ['a', 3],
    ]);
    expect(set.counts).toEqual({ train: 2, test: 0, skipped: 4, ignored: 1 });
    expect(set.skipped.map(({ name }) => name.slice(temporary.path.length))).toEqual([
      '/data/train/empty',
      '/data/test/b',
      '/data/train/a/2.png',
      '/data/test/a/4.png',
    ]);
    expect(set.skipped[2]!.problem).toBe('expected a picture, got an empty file');
  });

  it('fail where nothing is left', async () => {
    await write({ 'a/1.png': '', 'a/2.png': 'x' });
    expect(await messageOf(open('data', { skipBad: true }))).toMatch(
      /no picture is left to train on, 2 were skipped\.$/,
    );
  });

  itOrSkip(
    process.getuid?.() === 0 ? 'root may read every file' : undefined,
    'name a file that may not be read',
    async () => {
      await write({ 'a/1.png': await png(1) });
      await chmod(join(temporary.path, 'data', 'a', '1.png'), 0);
      expect(await messageOf(open())).toMatch(/data\/a\/1\.png: Can't read it: permission denied \(EACCES\)\.$/);
    },
  );

  it('name a path that is missing', async () => {
    expect(await messageOf(open('nowhere'))).toMatch(/Can't read images .*nowhere: it does not exist \(ENOENT\)\.$/);
  });

  it('resize and crop as asked, and keep that apart from other settings', async () => {
    await write({ 'a/1.png': await png(1), 'a/2.png': await png(2, { width: 9, height: 5 }) });
    const preprocessing = {
      resample: 'bilinear',
      resize: { shortestEdge: 4 },
      centerCrop: { height: 4, width: 4 },
    } as const;
    const set = await open('data', { preprocessing });
    expect(set.size).toEqual({ height: 4, width: 4 });
    const other = await open('data', { preprocessing: { resample: 'bilinear', resize: { height: 2, width: 2 } } });
    expect(other.size).toEqual({ height: 2, width: 2 });
    expect(other.cache!.path).not.toBe(set.cache!.path);
  });

  it('refuse options that there are not', async () => {
    await expect(open('data', { skipbad: true } as OpenImagesOptions)).rejects.toThrow(ArgumentError);
    await expect(open('data', { kind: 'csv' as 'idx' })).rejects.toThrow('kind: expected one of folders, cifar');
  });
});

describe('CIFAR', () => {
  const record = (labels: number[], level: number) => {
    const bytes = new Uint8Array(labels.length + 3072);
    bytes.set(labels);
    bytes.fill(level, labels.length, labels.length + 1024).fill(7, labels.length + 2048);
    return bytes;
  };
  const join2 = (...parts: Uint8Array[]) => Buffer.concat(parts);

  it('10 has a byte for the class and planes of colours; batch 10 comes after batch 9', async () => {
    await write({
      'data_batch_10.bin': record([2], 30),
      'data_batch_9.bin': join2(record([1], 10), record([0], 20)),
      'test_batch.bin': record([2], 40),
      'batches.meta.txt': 'airplane\nautomobile\nbird\n\n',
    });
    const set = await open();
    expect(set.size).toEqual({ height: 32, width: 32 });
    expect(contentOf(set, set.train)).toEqual([
      ['automobile', 10],
      ['airplane', 20],
      ['bird', 30],
    ]);
    expect(contentOf(set, set.test)).toEqual([['bird', 40]]);
    expect([...set.train.read([0]).subarray(0, 3)]).toEqual([10, 0, 7]);
  });

  it('100 has a byte more, and the second one counts', async () => {
    await write({ 'train.bin': join2(record([9, 1], 10), record([9, 0], 20)), 'test.bin': record([9, 1], 30) });
    const set = await open();
    expect(set.classNames).toEqual(['0', '1']);
    expect(contentOf(set, set.train)).toEqual([
      ['1', 10],
      ['0', 20],
    ]);
  });

  it('says where a file is cut off, or a class has no name', async () => {
    await write({ 'data_batch_1.bin': record([1], 10).subarray(1), 'data_batch_2.bin': record([0], 10) });
    expect(await messageOf(open())).toMatch(
      /data_batch_1\.bin: expected a whole number of records of 3073 bytes, got 3072 bytes\.$/,
    );
    const set = await open('data', { skipBad: true });
    expect([set.counts.train, set.counts.skipped]).toEqual([1, 1]);
    await write({ 'data_batch_1.bin': record([1], 10), 'batches.meta.txt': 'only\n' });
    expect(await messageOf(open())).toMatch(
      /data_batch_1\.bin, record 0: expected a class from 0 to 0 or its name, got 1/,
    );
  });
});

describe('files of the MNIST family', () => {
  const idx = (shape: number[], data: number[]) => {
    const bytes = Buffer.alloc(4 + 4 * shape.length + data.length);
    bytes.writeUInt32BE(0x800 + shape.length, 0);
    shape.forEach((length, i) => bytes.writeUInt32BE(length, 4 + 4 * i));
    bytes.set(data, 4 + 4 * shape.length);
    return bytes;
  };

  it('are gray, big-endian, and may be compressed', async () => {
    await write({
      'train-images-idx3-ubyte.gz': gzipSync(idx([2, 1, 2], [1, 2, 3, 4])),
      'train-labels-idx1-ubyte.gz': gzipSync(idx([2], [1, 0])),
      't10k-images.idx3-ubyte': idx([1, 1, 2], [5, 6]),
      't10k-labels.idx1-ubyte': idx([1], [1]),
    });
    const set = await open();
    expect(set.size).toEqual({ height: 1, width: 2 });
    expect([...set.train.read([1, 0])]).toEqual([3, 3, 3, 4, 4, 4, 1, 1, 1, 2, 2, 2]);
    expect([...set.train.labels, ...set.test!.labels]).toEqual([1, 0, 1]);
    expect(set.classNames).toEqual(['0', '1']);
  });

  const images = idx([2, 1, 2], [1, 2, 3, 4]);
  const labels = idx([2], [0, 1]);
  const failures: [string, Record<string, Uint8Array>, RegExp][] = [
    [
      'no classes',
      { 'train-images-idx3-ubyte': images },
      /expected its classes in .*train-labels-idx1-ubyte, which does not/,
    ],
    [
      'another magic number',
      { 'train-images-idx3-ubyte': labels, 'train-labels-idx1-ubyte': labels },
      /train-images-idx3-ubyte: expected an IDX file that begins with 0x803, got 0x801/,
    ],
    [
      'a file that is cut off',
      { 'train-images-idx3-ubyte': images.subarray(0, -1), 'train-labels-idx1-ubyte': labels },
      /train-images-idx3-ubyte: expected 4 bytes of data for \(2, 1, 2\), got 3\./,
    ],
    [
      'a compressed file that is cut off',
      { 'train-images-idx3-ubyte.gz': gzipSync(images).subarray(0, -9), 'train-labels-idx1-ubyte': labels },
      /train-images-idx3-ubyte\.gz: can't be unpacked: unexpected end of file/,
    ],
    [
      'other numbers of pictures and classes',
      { 'train-images-idx3-ubyte': images, 'train-labels-idx1-ubyte': idx([1], [0]) },
      /train-labels-idx1-ubyte: expected the classes of 2 pictures, got 1\./,
    ],
  ];
  it.each(failures)('say what is wrong with %s', async (_, files, message) => {
    await write(files);
    expect(await messageOf(open())).toMatch(message);
  });
});

describe('Parquet', () => {
  it('of the hub tells splits by names and classes by its metadata, whatever the compression', async () => {
    await cp(join(parquet, 'hub'), join(temporary.path, 'data'), { recursive: true });
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
    await cp(join(parquet, 'beside'), join(temporary.path, 'data'), { recursive: true });
    expect(await messageOf(open())).toMatch(
      /some\.parquet, row 1: Can't read its picture gone\.png: it does not exist/,
    );
    const set = await open('data', { skipBad: true });
    expect(contentOf(set, set.train)).toEqual([['3', 10]]);
  });

  it('says which row has no class or no picture', async () => {
    await mkdir(join(temporary.path, 'data'));
    await cp(join(parquet, 'unlabeled.parquet'), join(temporary.path, 'data', 'all.parquet'));
    expect(await messageOf(open('data/all.parquet'))).toMatch(/row 0: expected a class in label, got "?-1/);
    const set = await open('data/all.parquet', { skipBad: true });
    expect(contentOf(set, set.train)).toEqual([['dog', 12]]);
    expect(set.skipped[1]!.problem).toBe('expected bytes or a path in image, got null');
    expect(await messageOf(open('data/all.parquet', { labelColumn: 'kind' }))).toMatch(
      /labelColumn: expected one of the columns image, label, note, got kind/,
    );
  });

  it('says where a file is damaged, and can go on with the others', async () => {
    await cp(join(parquet, 'hub'), join(temporary.path, 'data'), { recursive: true });
    const damaged = join(temporary.path, 'data', 'data', 'train-00001-of-00002.parquet');
    await truncate(damaged, 400);
    expect(await messageOf(open())).toMatch(/train-00001-of-00002\.parquet: can't be read as Parquet: /);
    expect((await open('data', { skipBad: true })).counts).toMatchObject({ train: 6, test: 2, skipped: 1 });
  });
});

describe('WebDataset', () => {
  it('has samples that end at the first dot, and files to skip', async () => {
    const shard = await tarOf([
      ['__meta__.json', '{}'],
      ['a/001.cls', '1\n'],
      ['a/001.png', await png(1)],
      ['a/.hidden.png', 'x'],
      ['a/002.PNG', await png(2)],
      ['a/002.json', '{"label": 0, "caption": "two"}'],
      ['b/002.jpg.txt', 'x'],
      ['b/002.png', await png(3)],
      ['b/002.cls', '1'],
    ]);
    await write({
      'train-000.tar': shard,
      'val-000.tar.gz': gzipSync(
        await tarOf([
          ['x.png', await png(4)],
          ['x.cls', '0'],
        ]),
      ),
    });
    const set = await open();
    expect(contentOf(set, set.train)).toEqual([
      ['1', 1],
      ['0', 2],
      ['1', 3],
    ]);
    expect(contentOf(set, set.test)).toEqual([['0', 4]]);
  });

  it('may name its classes, in a field of its json', async () => {
    const sample = async (key: string, name: string, level: number) =>
      [[`${key}.png`, await png(level)] as const, [`${key}.json`, JSON.stringify({ kind: name })] as const] as const;
    await write({ 'all.tar': await tarOf([...(await sample('1', 'dog', 1)), ...(await sample('2', 'cat', 2))]) });
    const set = await open('data/all.tar', { labelColumn: 'kind' });
    expect(set.classNames).toEqual(['cat', 'dog']);
    expect(contentOf(set, set.train)).toEqual([
      ['dog', 1],
      ['cat', 2],
    ]);
  });

  it('says which sample lacks what', async () => {
    await write({
      'all.tar': await tarOf([
        ['img.0001.png', await png(1)],
        ['img.0002.png', await png(2)],
        ['img.cls', '0'],
        ['next.png', await png(3)],
        ['last.png', await png(4)],
        ['last.cls', '0'],
      ]),
    });
    expect(await messageOf(open())).toMatch(
      /all\.tar, sample img: expected a picture \(jpg, jpeg, png, webp\), got 0001\.png, 0002\.png, cls \(a key ends at the first dot\)/,
    );
    const set = await open('data', { skipBad: true });
    expect(contentOf(set, set.train)).toEqual([['0', 4]]);
    expect(set.skipped[1]!.problem).toMatch(/^expected its class in cls or in label, cls, class of json, got none/);
  });

  it('says which shard is cut off, and can go on with what came before and after', async () => {
    const shard = await tarOf([
      ['1.png', await png(1)],
      ['1.cls', '0'],
      ['2.png', await png(2)],
      ['2.cls', '0'],
    ]);
    await write({
      '1.tar': shard.subarray(0, 2048 + 600),
      '2.tar': shard,
      '3.tar': '',
      '4.tar.gz': gzipSync(shard).subarray(0, 90),
    });
    expect(await messageOf(open())).toMatch(/data\/1\.tar: can't be read as a tar file of samples: /);
    const set = await open('data', { skipBad: true });
    expect(set.counts.skipped).toBe(3);
    expect(contentOf(set, set.train).map(([, level]) => level)).toEqual([1, 1, 2]);
  });
});

describe('a folder of data of several kinds', () => {
  it('needs to be told which', async () => {
    await write({
      'all.tar': await tarOf([
        ['1.png', await png(1)],
        ['1.cls', '0'],
      ]),
      'train.bin': '',
    });
    expect(await messageOf(open())).toMatch(
      /data holds data of several kinds: webdataset, cifar; say which with kind\.$/,
    );
    expect((await open('data', { kind: 'webdataset' })).counts.train).toBe(1);
  });
});

describe('the cache', () => {
  beforeEach(async () => write({ 'a/1.png': await png(1), 'b/2.png': await png(2) }));

  it('is found again, until a file or a setting changes', async () => {
    const first = await open();
    expect(first.cache!.built).toBe(true);
    const again = await open();
    expect([again.cache!.built, again.fingerprint]).toEqual([false, first.fingerprint]);
    expect((await open('data', { maxPixels: 100 })).cache!.built).toBe(true);
    await write({ 'a/1.png': await png(9) });
    await utimes(join(temporary.path, 'data', 'a', '1.png'), 1, 1);
    const changed = await open();
    expect(changed.cache!.built).toBe(true);
    expect(changed.fingerprint).not.toBe(first.fingerprint);
  });

  it('has the same fingerprint wherever the data lie', async () => {
    const first = await open();
    await cp(join(temporary.path, 'data'), join(temporary.path, 'copy'), { recursive: true });
    const copy = await open('copy');
    expect(copy.cache!.path).not.toBe(first.cache!.path);
    expect(copy.fingerprint).toBe(first.fingerprint);
  });

  it('holds bytes: a header, the pictures, an index', async () => {
    const { cache } = await open();
    const file = await readFile(cache!.path);
    expect(file.length).toBe(cache!.bytes);
    expect(file.toString('latin1', 0, 8)).toBe('scmoeimg');
    expect([...file.subarray(64, 70)]).toEqual([1, 0, 254, 1, 0, 254]);
    expect(Number(file.readBigUInt64LE(16))).toBe(64 + 2 * 3 * 4 * 3);
  });

  const damages: [string, (path: string) => Promise<void>, RegExp][] = [
    ['cut off', (path) => truncate(path, 200), /^expected \d+ bytes, got 200$/],
    ['cut off in its header', (path) => truncate(path, 20), /^it is no finished image cache$/],
    ['empty', (path) => truncate(path, 0), /^it is no finished image cache$/],
    ['of another version', (path) => patch(path, 8, 99), /^expected version 1, got 99$/],
    ['changed in its index', (path) => patch(path, -5, 1), /^its index is damaged$/],
  ];
  it.each(damages)('is written again where it is %s, and says so', async (_, damage, problem) => {
    const first = await open();
    await damage(first.cache!.path);
    const again = await open();
    expect(again.cache).toMatchObject({ built: true, path: first.cache!.path });
    expect(again.cache!.replaced).toMatch(problem);
    expect(contentOf(again, again.train)).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
  });

  it('tells when it became shorter or was closed', async () => {
    const set = await open();
    set.train.read([1]);
    await truncate(set.cache!.path, 80);
    expect(() => set.train.read([1])).toThrow(UserError);
    expect(() => set.train.read([1])).toThrow(/The image cache .* became shorter: expected 136 bytes, got 80\./);
    expect(() => set.train.read([2])).toThrow(ArgumentError);
  });

  it('may be written by two at once', async () => {
    const sets = await Promise.all([open(), open(), open()]);
    for (const set of sets) expect(contentOf(set, set.train)).toHaveLength(2);
    expect(new Set(sets.map(({ fingerprint }) => fingerprint)).size).toBe(1);
    expect(await readdir(join(temporary.path, 'cache'))).toHaveLength(1);
  });

  it('clears away what an ended process has left', async () => {
    const first = await open();
    const { hostname } = await import('node:os');
    const left = `${first.cache!.path}.${hostname()}.999999999.abcd.tmp`;
    await writeFile(left, 'half');
    await rm(first.cache!.path);
    await open();
    expect(await readdir(join(temporary.path, 'cache'))).toHaveLength(1);
  });
});

async function patch(path: string, at: number, value: number): Promise<void> {
  const file = await readFile(path);
  file[at < 0 ? file.length + at : at] = value;
  await writeFile(path, file);
}
