import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolderForEach } from '@scmoe/testing';
import { createRunFolder, runFolderOf } from './runFolder.js';

const folder = temporaryFolderForEach();

describe('createRunFolder', () => {
  it('makes a folder of its own for each run, with the configuration in it', async () => {
    const runs = await Promise.all([1, 2, 3].map(() => createRunFolder(join(folder.path, 'runs'), 'lm', { lr: 1 })));
    expect(new Set(runs.map(({ path }) => path)).size).toBe(3);
    for (const { path } of runs) {
      expect(path).toMatch(/runs\/lm-\d{4}-\d\d-\d\d-\d{6}(-\d)?$/);
      expect(JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'))).toEqual({ lr: 1 });
    }
  });

  it('is found again from a checkpoint', async () => {
    const run = await createRunFolder(folder.path, 'lm', {});
    expect(runFolderOf(join(run.checkpointsFolder, 'step-000001'))).toEqual(run);
  });

  it.each(['../escape', 'a/b', 'a\\b', '/tmp', '', '.', '..', '.hidden', 'a\nb', 'C:', 'x'.repeat(101)])(
    'is no way to another folder: %j is no name',
    async (name) => {
      await expect(createRunFolder(join(folder.path, 'runs'), name, {})).rejects.toThrow(
        `name: expected a name for a folder: no path, and no dot at its beginning, got ${JSON.stringify(name)}`,
      );
      expect(existsSync(join(folder.path, 'runs'))).toBe(false);
    },
  );

  it('says what is in the way', async () => {
    writeFileSync(join(folder.path, 'file'), '');
    await expect(createRunFolder(join(folder.path, 'file'), 'lm', {})).rejects.toThrow(
      /Can't make a run folder in .*file/,
    );
  });
});
