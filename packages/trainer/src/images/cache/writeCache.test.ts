import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { UserError } from '@scmoe/errors';
import { fromSource, itOnSmallDisk, temporaryFolderForEach, withSmallDisk } from '@scmoe/testing';

import { openImages } from '../openImages.js';
import { png, writeFiles } from '../testing/imageFiles.js';

const program = join(dirname(fileURLToPath(import.meta.url)), '..', 'testing', 'openProgram.ts');
const temporary = temporaryFolderForEach();
const data = () => join(temporary.path, 'data');
const cache = () => join(temporary.path, 'cache');

interface Printed {
  name?: string;
  message?: string;
  fingerprint?: string;
  built?: boolean;
}

/** What a process prints that opens the data, started by a shell after `before`. */
async function openElsewhere(before = 'true'): Promise<Printed> {
  const command = `${before} && exec "$0" "$@"`;
  const args = ['-c', command, process.execPath, ...fromSource, program, data(), cache()];
  const { stdout } = await promisify(execFile)('bash', args, { env: { ...process.env, NODE_OPTIONS: '' } });
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Printed;
}

describe('writing the cache', () => {
  beforeEach(async () => {
    const large = { width: 300, height: 300 };
    await writeFiles(data(), { 'a/1.png': await png(1, large), 'b/2.png': await png(2, large) });
  });

  itOnSmallDisk('says that the disk is full, and leaves nothing on it', async () => {
    await withSmallDisk(cache(), 256, async () => {
      const error: unknown = await openImages(data(), { cacheFolder: cache() }).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(UserError);
      expect((error as Error).message).toMatch(
        /^Can't write the image cache .*\.images: no space left on the disk \(ENOSPC\)\.$/,
      );
      expect(await readdir(cache())).toEqual([]);
    });
  });

  it('says that files may not be so large, and leaves nothing', async () => {
    // In units of 1,024 bytes; SIGXFSZ would end the process before it could say a word.
    const printed = await openElsewhere(`trap '' XFSZ; ulimit -f 256`);
    expect(printed).toMatchObject({ name: 'UserError' });
    expect(printed.message).toMatch(
      /^Can't write the image cache .*: the file would exceed the size limit \(ulimit -f, .*\) \(EFBIG\)\.$/,
    );
    expect(await readdir(cache())).toEqual([]);
  });

  it('may be done by two processes at once', async () => {
    const printed = await Promise.all([openElsewhere(), openElsewhere()]);
    expect(printed[0].fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(printed[1].fingerprint).toBe(printed[0].fingerprint);
    expect(await readdir(cache())).toHaveLength(1);
    expect((await openImages(data(), { cacheFolder: cache() })).cache!.built).toBe(false);
  });

  it('says where there is a file in the way of its folder', async () => {
    await mkdir(temporary.path, { recursive: true });
    await writeFiles(temporary.path, { cache: 'a file' });
    await expect(openImages(data(), { cacheFolder: cache() })).rejects.toThrow(
      /^Can't (read|write) the image cache .*: /,
    );
  });
});
