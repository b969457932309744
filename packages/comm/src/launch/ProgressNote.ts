import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The variable that names the file in which ranks say how far their run is. */
export const progressVariable = 'SCMOE_PROGRESS_FILE';

/**
 * A file in which the ranks of this host say how far the run is, such as the step of the last whole checkpoint: a number,
 * as text, that a restart can't lose. It outlives the ranks, so the launcher can tell a failure after progress from one
 * that would repeat itself for ever.
 */
export class ProgressNote {
  readonly path: string;
  private readonly folder: string;

  /** @throws the system's error where there is no room for temporary files */
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'scmoe-launch-'));
    this.path = join(this.folder, 'progress');
  }

  /** What the ranks have said last; undefined where they have said nothing, or no number. */
  read(): number | undefined {
    try {
      const text = readFileSync(this.path, 'utf8').trim();
      const value = Number(text);
      return text !== '' && Number.isFinite(value) ? value : undefined;
    } catch {
      return undefined;
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
