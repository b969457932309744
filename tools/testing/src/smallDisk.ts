import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

/**
 * Mounts a file system of `kilobytes` at `path`, runs `use`, and unmounts it. Where mounting is not allowed, it says so
 * and returns without running it.
 */
export async function withSmallDisk(path: string, kilobytes: number, use: () => Promise<void>): Promise<void> {
  mkdirSync(path, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', path], { stdio: 'pipe' });
  } catch {
    console.warn('skipped: a full disk needs the right to mount a small one');
    return;
  }
  try {
    await use();
  } finally {
    execFileSync('umount', [path]);
  }
}
