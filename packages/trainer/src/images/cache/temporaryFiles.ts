import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';

const host = hostname().replace(/[^A-Za-z0-9-]/g, '_');

/** A name beside `path` for what will be renamed to it, told by host, process and chance. */
export function temporaryName(path: string): string {
  return `${path}.${host}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
}

/** Removes what processes of this host that were ended have left half-written. */
export async function removeLeftovers(path: string): Promise<void> {
  const prefix = `${basename(path)}.${host}.`;
  const names = await readdir(dirname(path));
  for (const name of names) {
    const [pid] = name.startsWith(prefix) && name.endsWith('.tmp') ? name.slice(prefix.length).split('.') : [];
    if (pid !== undefined && !isAlive(Number(pid))) await rm(join(dirname(path), name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
