import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A named pipe with a byte for each core, of which processes that share the cores take one while they compute. */
export class TurnsPipe {
  private constructor(
    readonly path: string,
    private readonly folder: string,
    private readonly pipe: number,
  ) {}

  static open(cores: number): TurnsPipe {
    const folder = mkdtempSync(join(tmpdir(), 'scmoe-turns-'));
    const path = join(folder, 'turns');
    const { status, stderr, error } = spawnSync('mkfifo', [path], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`mkfifo ${path} failed: ${error?.message ?? stderr.trim()}`);
    // Held open: a pipe without readers and writers forgets what is in it.
    const pipe = openSync(path, 'r+');
    writeSync(pipe, Buffer.alloc(cores));
    return new TurnsPipe(path, folder, pipe);
  }

  /** Removes its name, when all processes have opened it: nothing is left then, however this one ends. */
  unlink(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  close(): void {
    closeSync(this.pipe);
  }
}
