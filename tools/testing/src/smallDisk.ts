import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { itOrSkip } from './orSkip.js';

let problem: string | false | undefined;

/** `it` where small disks may be mounted; else a skipped one whose title says so. */
export function itOnSmallDisk(name: string, test: () => unknown): void {
  itOrSkip((problem ??= findProblem()) || undefined, name, test);
}

function findProblem(): string | false {
  const path = mkdtempSync(join(tmpdir(), 'small-disk-'));
  try {
    mount(path, 64);
    execFileSync('umount', [path]);
    return false;
  } catch {
    return 'a full disk needs the right to mount a small one';
  } finally {
    rmdirSync(path);
  }
}

/** Mounts a file system of `kilobytes` at `path`, runs `use`, and unmounts it; in a test of `itOnSmallDisk`. */
export async function withSmallDisk(path: string, kilobytes: number, use: () => Promise<void>): Promise<void> {
  mkdirSync(path, { recursive: true });
  mount(path, kilobytes);
  try {
    await use();
  } finally {
    execFileSync('umount', [path]);
  }
}

function mount(path: string, kilobytes: number): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', path], { stdio: 'pipe' });
}
