import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { UserError } from '@scmoe/errors';

import { readCorpus } from './readCorpus.js';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'corpus-'))));
afterEach(() => rm(folder, { recursive: true }));

describe('readCorpus', () => {
  it('reads a single file', async () => {
    await writeFile(join(folder, 'a.txt'), 'héllo');
    const corpus = await readCorpus(join(folder, 'a.txt'));
    expect(corpus.numBytes).toBe(6);
    expect(Buffer.from(corpus.documents[0]!.bytes).toString()).toBe('héllo');
  });

  it('reads a folder recursively, in the order of names, without hidden entries', async () => {
    await mkdir(join(folder, 'b', 'c'), { recursive: true });
    await mkdir(join(folder, '.git'));
    await writeFile(join(folder, 'z.txt'), 'z');
    await writeFile(join(folder, 'a.txt'), 'a');
    await writeFile(join(folder, 'b', 'c', 'deep.txt'), 'd');
    await writeFile(join(folder, '.git', 'HEAD'), 'ref');
    const { documents } = await readCorpus(folder);
    expect(documents.map(({ name }) => name)).toEqual(['a.txt', 'b/c/deep.txt', 'z.txt']);
  });

  it('follows links to files and to folders, but not round in a circle, and names those that lead nowhere', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'elsewhere-'));
    await writeFile(join(elsewhere, 'c.txt'), 'c');
    await symlink(folder, join(elsewhere, 'back'));
    await writeFile(join(folder, 'a.txt'), 'a');
    await symlink(join(folder, 'a.txt'), join(folder, 'b.txt'));
    await symlink(elsewhere, join(folder, 'books'));
    await symlink(folder, join(folder, 'circle'));
    await symlink(join(folder, 'nothing'), join(folder, 'broken.txt'));
    const { documents, brokenLinks } = await readCorpus(folder);
    await rm(elsewhere, { recursive: true });
    expect(documents.map(({ name }) => name)).toEqual(['a.txt', 'b.txt', 'books/c.txt']);
    expect(brokenLinks).toEqual(['broken.txt']);
  });

  it('skips binary and empty files and names them', async () => {
    await writeFile(join(folder, 'a.txt'), 'text');
    await writeFile(join(folder, 'image.png'), Buffer.of(0x89, 0x50, 0, 1));
    await writeFile(join(folder, 'latin1.txt'), Buffer.of(0x68, 0xe9, 0x6c));
    await writeFile(join(folder, 'nothing.txt'), '');
    const corpus = await readCorpus(folder);
    expect(corpus.documents).toHaveLength(1);
    expect(corpus.binaryFiles).toEqual(['image.png', 'latin1.txt']);
    expect(corpus.emptyFiles).toEqual(['nothing.txt']);
  });

  const failures: [string, (folder: string) => Promise<string>, RegExp][] = [
    ['a missing path', (f) => Promise.resolve(join(f, 'missing')), /missing: it does not exist/],
    ['an empty file', (f) => file(f, 'a', ''), /is empty: expected text/],
    ['a binary file', (f) => file(f, 'a', Buffer.of(1, 0)), /is not text: expected UTF-8 without NUL bytes/],
    ['an empty folder', (f) => Promise.resolve(f), /holds no text: .* got 0 binary and 0 empty files/],
    [
      'a folder of binary files',
      async (f) => file(f, 'a', Buffer.of(0)).then(() => f),
      /holds no text: .* got 1 binary and 0 empty files/,
    ],
  ];
  it.each(failures)('says what is wrong with %s', async (_, make, message) => {
    const path = await make(folder);
    const error: unknown = await readCorpus(path).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(message);
  });
});

async function file(folder: string, name: string, content: string | Uint8Array): Promise<string> {
  await writeFile(join(folder, name), content);
  return join(folder, name);
}
