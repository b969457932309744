import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { UserError } from '@scmoe/errors';

import { fileError } from '../fileError.js';
import { startHeartbeat } from './heartbeat.js';
import { isRunning, type ProcessIdentity, thisProcess } from './processIdentity.js';

/** Who trains in a run folder. */
interface Owner extends ProcessIdentity {
  host: string;
  since: string;
  token: string;
}

/** The right to write into a run folder. */
export interface RunLock {
  /** The owner before, in words, where this process has taken over from one that is gone. */
  readonly takenOverFrom: string | undefined;
  /**
   * Makes sure that the lock is still held.
   *
   * @throws UserError where another process has taken over, which it does when this one seemed gone
   */
  check(): void;
  /** Gives the folder free. */
  release(): void;
}

/** How a lock tells a living owner on another machine from one that is gone. */
export interface LockOptions {
  /** Time between two signs of life. Default 10 s. */
  beatMs?: number;
  /** Time without one after which an owner on another machine counts as gone. Default 2 min, for caches of file attributes. */
  staleMs?: number;
}

/** Time in which two that take over at once see each other. */
const settleMs = 300;

/**
 * Makes this process the only one that trains in a run folder: `run.lock` there names host and process, and is written
 * again at every beat. An owner on this machine is gone when its process is; one elsewhere when its beat stops, by the
 * file system's own clock. Assumed of a shared file system: that creating a file exclusively and renaming are atomic, as
 * on NFS since version 3, Lustre and GPFS.
 *
 * @throws UserError naming the owner, where there is one
 */
export async function lockRun(
  folder: string,
  { beatMs = 10_000, staleMs = 120_000 }: LockOptions = {},
): Promise<RunLock> {
  const path = join(folder, 'run.lock');
  const own: Owner = { host: hostname(), ...thisProcess(), since: new Date().toISOString(), token: randomUUID() };
  const text = JSON.stringify(own) + '\n';
  const isFree = guard(folder, () => create(path, text));
  let takenOverFrom: string | undefined;
  if (!isFree) {
    const owner = readOwner(path);
    const silentMs = guard(folder, () => ageOf(path, `${path}.${own.token}.probe`));
    if (owner === undefined ? silentMs < staleMs : isAlive(owner, silentMs, staleMs)) throw inUse(folder, owner);
    takenOverFrom = owner && inWords(owner);
    const candidate = `${path}.${own.token}`;
    guard(folder, () => create(candidate, text));
    guard(folder, () => renameSync(candidate, path));
    await sleep(settleMs);
    const winner = readOwner(path);
    if (winner?.token !== own.token) throw inUse(folder, winner);
  }
  const stop = startHeartbeat(path, text, beatMs);
  let released = false;
  const release = () => {
    if (released) return;
    released = true;
    stop();
    process.off('exit', release);
    if (readOwner(path)?.token !== own.token) return;
    try {
      rmSync(path, { force: true });
    } catch {
      // A file system that is read-only by now: whoever comes next finds that this process is gone.
    }
  };
  process.on('exit', release);
  return {
    takenOverFrom,
    check: () => {
      const owner = readOwner(path);
      if (owner !== undefined && owner.token !== own.token) throw inUse(folder, owner);
    },
    release,
  };
}

/** Makes a file with that text; false where there is a file. */
function create(path: string, text: string): boolean {
  let handle: number;
  try {
    handle = openSync(path, 'wx');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  try {
    writeSync(handle, text, 0);
    return true;
  } catch (error) {
    // A full disk: half a lock would keep everybody out for a while.
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(handle);
  }
}

function isAlive(owner: Owner, silentMs: number, staleMs: number): boolean {
  return isRunning(owner) ?? silentMs < staleMs;
}

/** Time since a file was written, by the clock of its file system: that of another machine may be wrong. */
function ageOf(path: string, probe: string): number {
  const handle = openSync(probe, 'wx');
  try {
    return fstatSync(handle).mtimeMs - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  } finally {
    closeSync(handle);
    rmSync(probe, { force: true });
  }
}

function readOwner(path: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Owner;
  } catch {
    return undefined;
  }
}

function inWords({ pid, host, since }: Owner): string {
  return `process ${pid} on ${host}, since ${since}`;
}

function inUse(folder: string, owner: Owner | undefined): UserError {
  const who = owner ? inWords(owner) : 'a process that has not said its name yet';
  return new UserError(`The run ${folder} is in use: ${who} trains in it. A run has one owner at a time.`);
}

function guard<T>(folder: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw fileError(`lock the run ${folder}`, error);
  }
}
