import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '@scmoe/testing';

import { makeFolder } from './makeFolder.js';

const folder = temporaryFolder();

describe('makeFolder', () => {
  it('makes those above it as well, and is content with one that is there', async () => {
    const path = join(folder.path, 'a', 'b', 'c');
    await Promise.all([makeFolder(path), makeFolder(path), makeFolder(join(path, 'd'))]);
    await makeFolder(path);
    expect(statSync(join(path, 'd')).isDirectory()).toBe(true);
  });

  it('is content with folders that others make meanwhile, at any height', async () => {
    for (let round = 0; round < 50; round++) {
      const above = join(folder.path, String(round), 'b');
      const path = join(above, 'c');
      await Promise.all([makeFolder(path), makeFolder(path), makeFolder(join(path, 'd')), makeFolder(above)]);
      expect(statSync(join(path, 'd')).isDirectory()).toBe(true);
    }
  });

  it('says what is in the way', async () => {
    writeFileSync(join(folder.path, 'file'), '');
    await expect(makeFolder(join(folder.path, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(makeFolder(join(folder.path, 'file', 'a', 'b'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  it('ends where a folder takes none and says that there is none', async () => {
    await expect(makeFolder('/proc/none/here')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
