import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { folderOf } from './resolveInstalled.js';

/**
 * The path of a built file that lies beside a module, such as the program of a thread. There is none where the module was
 * not built, and none where it was bundled: then it lies somewhere else, or nowhere.
 *
 * @param moduleUrl `import.meta.url` of the module; undefined where a bundler has made CommonJS of it
 */
export function builtFile(name: string, moduleUrl: string | undefined): string | undefined {
  const folder = folderOf(moduleUrl);
  if (folder === undefined) return undefined;
  const file = join(folder, name);
  return existsSync(file) ? file : undefined;
}
