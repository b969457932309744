import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Folder {
  readonly path: string;
}

const make = () => mkdtempSync(join(tmpdir(), 'scmoe-test-'));
const remove = (path: string) => rmSync(path, { recursive: true, force: true });

/** A new folder for the tests of a file, removed after them. */
export function temporaryFolder(): Folder {
  const path = make();
  afterAll(() => remove(path));
  return { path };
}

/** A new folder for each test of a file, removed after it. */
export function temporaryFolderForEach(): Folder {
  let path = '';
  beforeEach(() => void (path = make()));
  afterEach(() => remove(path));
  return {
    get path() {
      return path;
    },
  };
}
