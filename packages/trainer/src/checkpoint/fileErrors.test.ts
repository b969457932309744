import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { UserError } from '@scmoe/errors';
import { fromSource, itOrSkip, temporaryFolderForEach, withSmallDisk } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { fileError } from '../fileError.js';
import { saveCheckpoint } from './saveCheckpoint.js';

const folder = temporaryFolderForEach();
const content = {
  step: 1,
  config: {},
  dataFingerprint: 'abc',
  dataDescription: {},
  parameters: { w: tf.zeros([1000, 100]) },
  optimizer: { name: 'AdamW', stepCount: 1, state: {} },
};
const messageOf = (path: string) =>
  saveCheckpoint(path, content).then(
    () => 'saved',
    (error: Error) => (error instanceof UserError ? error.message.replace(folder.path, '') : String(error.stack)),
  );

describe('where a checkpoint can be written is said apart:', () => {
  it('a full disk', () =>
    withSmallDisk(join(folder.path, 'disk'), 64, async () => {
      expect(await messageOf(join(folder.path, 'disk'))).toBe(
        "Can't save checkpoint /disk/step-000001: no space left on the disk (ENOSPC). There is no earlier checkpoint.",
      );
    }));

  it('a disk that is read-only', () =>
    withSmallDisk(join(folder.path, 'disk'), 64, async () => {
      execFileSync('mount', ['-o', 'remount,ro', join(folder.path, 'disk')]);
      expect(await messageOf(join(folder.path, 'disk', 'run'))).toMatch(/: the file system is read-only \(EROFS\)\. /);
    }));

  it('a limit of the size of files, whose signal Node ignores', () => {
    const program = `
      import * as tf from '@tensorflow/tfjs';
      import { saveCheckpoint } from ${JSON.stringify(join(import.meta.dirname, 'saveCheckpoint.ts'))};
      const content = { ...${JSON.stringify({ ...content, parameters: undefined })}, parameters: { w: tf.zeros([1000, 100]) } };
      await saveCheckpoint(process.argv[1], content).catch(({ name, message }) => console.log(name + ': ' + message));`;
    const node = [process.execPath, ...fromSource, '--input-type=module', '-e', program, folder.path];
    const { stdout } = spawnSync('sh', ['-c', 'ulimit -f 100; exec "$@"', 'sh', ...node], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
      cwd: import.meta.dirname,
    });
    expect(stdout).toMatch(
      /^UserError: Can't save checkpoint .*: the file would exceed the size limit .*\(EFBIG\)\. /m,
    );
  });

  it('a file where a folder should be, at its end and on the way', async () => {
    writeFileSync(join(folder.path, 'file'), '');
    expect(await messageOf(join(folder.path, 'file'))).toMatch(/: there is a file in the way \(EEXIST\)\. /);
    expect(await messageOf(join(folder.path, 'file', 'run'))).toMatch(
      /: a part of the path is not a folder \(ENOTDIR\)\. /,
    );
  });

  const problem = process.getuid?.() === 0 ? 'root may write everywhere' : undefined;
  itOrSkip(problem, 'a folder that this user may not write', async () => {
    mkdirSync(join(folder.path, 'locked'));
    chmodSync(join(folder.path, 'locked'), 0o555);
    expect(await messageOf(join(folder.path, 'locked'))).toMatch(/: permission denied \(EACCES\)\. /);
  });

  it.each([
    ['EDQUOT', 'the disk quota is used up (EDQUOT).'],
    ['EACCES', 'permission denied (EACCES).'],
    ['EPERM', 'the operation is not permitted (EPERM).'],
    ['ENOENT', 'it does not exist (ENOENT).'],
    ['EXDEV', 'EXDEV: cross-device link not permitted'],
    ['constructor', 'constructor: something'],
  ])('%s', (code, text) => {
    const message = code === 'EXDEV' ? 'EXDEV: cross-device link not permitted' : `${code}: something`;
    const error = fileError('save it', Object.assign(new Error(message), { code, syscall: 'write' }));
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toBe(`Can't save it: ${text}`);
  });

  it('what is no error of the file system stays what it is', () => {
    const error = new TypeError('a fault');
    expect(fileError('save it', error)).toBe(error);
  });
});
