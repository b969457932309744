import { chmod, readdir, symlink } from 'node:fs/promises';

import { itOrSkip } from '@scmoe/testing';

import { imageDataForEach, messageOf } from '../testing/imageData.js';
import { contentOf, png, writeFiles } from '../testing/imageFiles.js';

const { path, write, open } = imageDataForEach();

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
    await writeFiles(path(), { 'elsewhere/2.png': await png(2) });
    await symlink(path('elsewhere'), path('data', 'dog'));
    await symlink(path('data'), path('data', 'cat', 'circle'));
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
    expect(await readdir(path('cache')).catch(() => [])).toEqual([]);
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
    expect(set.skipped.map(({ name }) => name.slice(path().length))).toEqual([
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
      await chmod(path('data', 'a', '1.png'), 0);
      expect(await messageOf(open())).toMatch(/data\/a\/1\.png: Can't read it: permission denied \(EACCES\)\.$/);
    },
  );
});
