import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const skipped = /^(node_modules|dist|build|out-tsc|prebuilds|coverage|test-results|runs|\.git|\.nx)$/;

/** Paths of all files below a folder that are written by hand. */
export function filesIn(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      // docs/api is made from the docstrings.
      return skipped.test(entry.name) || path.endsWith(join('docs', 'api')) ? [] : filesIn(path);
    }
    return [path];
  });
}
