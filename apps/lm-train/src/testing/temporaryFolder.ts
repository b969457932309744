import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new folder for the tests of a file, removed after them. */
export function temporaryFolder(): { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'lm-train-'));
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  return { path };
}
