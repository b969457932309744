import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

import { temporaryFolderForEach } from '@scmoe/testing';

import { lockRun } from './lockRun.js';

const folder = temporaryFolderForEach();
const file = () => join(folder.path, 'run.lock');
const owner = () => JSON.parse(readFileSync(file(), 'utf8')) as Record<string, unknown>;
const renameOver = (values: object) => {
  writeFileSync(`${file()}.new`, JSON.stringify({ ...owner(), ...values }));
  renameSync(`${file()}.new`, file());
};

/** Makes the lock one that somebody else has left, written so long ago. */
async function leave(values: object, secondsAgo = 0): Promise<void> {
  const lock = await lockRun(folder.path);
  renameOver({ token: 'theirs', ...values });
  lock.release();
  const then = Date.now() / 1000 - secondsAgo;
  utimesSync(file(), then, then);
}

const endedPid = () => spawnSync(process.execPath, ['-e', '']).pid;

describe('lockRun', () => {
  it('refuses a second owner with the name of the first, until that one is done', async () => {
    const lock = await lockRun(folder.path);
    const refused = new RegExp(`is in use: process ${process.pid} on ${hostname()}, since .*Z trains in it`);
    await expect(lockRun(folder.path)).rejects.toThrow(refused);
    lock.release();
    expect(readdirSync(folder.path)).toEqual([]);
    (await lockRun(folder.path)).release();
  });

  it('takes over from a process that has ended, and from one whose number is now that of another', async () => {
    for (const gone of [{ pid: endedPid(), startTicks: undefined }, { startTicks: '1' }]) {
      await leave(gone);
      const lock = await lockRun(folder.path);
      expect(lock.takenOverFrom).toMatch(/process \d+ on /);
      expect(owner()['pid']).toBe(process.pid);
      lock.release();
      expect(readdirSync(folder.path)).toEqual([]);
    }
  });

  it('takes over from another machine when there was no sign of life for long enough', async () => {
    await leave({ machine: 'elsewhere', host: 'node7', pid: 1 }, 60);
    await expect(lockRun(folder.path)).rejects.toThrow(/process 1 on node7/);
    const lock = await lockRun(folder.path, { staleMs: 50_000 });
    expect(lock.takenOverFrom).toMatch(/process 1 on node7/);
    lock.release();
  });

  it('waits as long for a lock whose writer died before it said its name', async () => {
    writeFileSync(file(), '');
    await expect(lockRun(folder.path)).rejects.toThrow(/has not said its name yet/);
    const then = Date.now() / 1000 - 200;
    utimesSync(file(), then, then);
    (await lockRun(folder.path)).release();
  });

  it('lets one of several take over', async () => {
    await leave({ pid: endedPid(), startTicks: undefined });
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => lockRun(folder.path)));
    const [winner, ...more] = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(more).toEqual([]);
    winner!.check();
    winner!.release();
    expect(existsSync(file())).toBe(false);
  });

  it('gives signs of life, and to its own file alone; says when another process has taken over', async () => {
    const lock = await lockRun(folder.path, { beatMs: 20 });
    utimesSync(file(), 1, 1);
    while (statSync(file()).mtimeMs <= 1000) await new Promise((resolve) => setTimeout(resolve, 20));
    lock.check();
    // As a takeover does it: a new file by the same name, which the old owner's beat does not reach.
    renameOver({ token: 'theirs', host: 'node7' });
    utimesSync(file(), 1, 1);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect([owner()['host'], statSync(file()).mtimeMs]).toEqual(['node7', 1000]);
    lock.release();
    expect(owner()['host']).toBe('node7');
    expect(() => lock.check()).toThrow(/is in use: process \d+ on node7/);
  });
});
