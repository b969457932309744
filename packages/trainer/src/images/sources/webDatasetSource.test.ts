import { gzipSync } from 'node:zlib';

import { imageDataForEach, messageOf } from '../testing/imageData.js';
import { contentOf, png, tarOf } from '../testing/imageFiles.js';

const { write, open } = imageDataForEach();

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

  it.each([
    ['-1', '-1'],
    ['1000001', '1000001'],
    ['99999999999999999999', '100000000000000000000'],
  ])('says which sample has a class out of range: %s', async (text, got) => {
    const sample = async (key: string, label: string) => [
      [`${key}.png`, await png(1)] as const,
      [`${key}.cls`, label] as const,
    ];
    await write({ 'all.tar': await tarOf([...(await sample('good', '0')), ...(await sample('bad', text))]) });
    expect(await messageOf(open())).toMatch(`all.tar, sample bad: expected a class from 0 to 1000000, got ${got}.`);
  });

  it('takes names of classes as they are', async () => {
    const names = ['tench, Tinca tinca', 'a "quoted" one', 'up/down', '__proto__', 'träd'];
    const samples = await Promise.all(
      names.map(async (name, i) => [[`${i}.png`, await png(i)] as const, [`${i}.cls`, `${name}\n`] as const]),
    );
    await write({ 'all.tar': await tarOf(samples.flat()) });
    const set = await open();
    expect(contentOf(set, set.train)).toEqual(names.map((name, i) => [name, i]));
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
