import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new folder for each test of the file, removed after it. */
export function temporaryFolder(): { readonly path: string } {
  let path = '';
  beforeEach(() => void (path = mkdtempSync(join(tmpdir(), 'trainer-'))));
  afterEach(() => rmSync(path, { recursive: true, force: true }));
  return {
    get path() {
      return path;
    },
  };
}
