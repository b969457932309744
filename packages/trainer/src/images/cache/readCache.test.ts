import { cp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';

import { ArgumentError, UserError } from '@scmoe/errors';

import { imageDataForEach } from '../testing/imageData.js';
import { contentOf, png } from '../testing/imageFiles.js';

const { path, write, open } = imageDataForEach();

describe('the cache', () => {
  beforeEach(async () => write({ 'a/1.png': await png(1), 'b/2.png': await png(2) }));

  it('is found again, until a file or a setting changes', async () => {
    const first = await open();
    expect(first.cache!.built).toBe(true);
    const again = await open();
    expect([again.cache!.built, again.fingerprint]).toEqual([false, first.fingerprint]);
    expect((await open('data', { maxPixels: 100 })).cache!.built).toBe(true);
    await write({ 'a/1.png': await png(9) });
    await utimes(path('data', 'a', '1.png'), 1, 1);
    const changed = await open();
    expect(changed.cache!.built).toBe(true);
    expect(changed.fingerprint).not.toBe(first.fingerprint);
  });

  it('has the same fingerprint wherever the data lie', async () => {
    const first = await open();
    await cp(path('data'), path('copy'), { recursive: true });
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
    expect(await readdir(path('cache'))).toHaveLength(1);
  });

  it('clears away what an ended process has left', async () => {
    const first = await open();
    const { hostname } = await import('node:os');
    const left = `${first.cache!.path}.${hostname()}.999999999.abcd.tmp`;
    await writeFile(left, 'half');
    await rm(first.cache!.path);
    await open();
    expect(await readdir(path('cache'))).toHaveLength(1);
  });
});

async function patch(path: string, at: number, value: number): Promise<void> {
  const file = await readFile(path);
  file[at < 0 ? file.length + at : at] = value;
  await writeFile(path, file);
}
