import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { requireFrom } from './requireFrom.js';
import { workingDirectory } from './workingDirectory.js';

/**
 * Files that `require` would take for `request`, each once: as the module itself finds it, then the program, then the
 * working directory. A module that was bundled lies elsewhere, where its own packages may not be. Never throws.
 *
 * @param moduleUrl `import.meta.url` of the module; undefined where a bundler has made CommonJS of it
 */
export function resolveInstalled(request: string, moduleUrl: string | undefined): string[] {
  const program = process.argv[1];
  const places = [folderOf(moduleUrl), program && dirname(program), workingDirectory()];
  const found = places.map((place) => (place ? resolveFrom(place, request) : undefined));
  return [...new Set(found.filter((file) => file !== undefined))];
}

/** The folder of a module; undefined where the module has no file of its own. */
export function folderOf(moduleUrl: string | undefined): string | undefined {
  return moduleUrl?.startsWith('file:') ? dirname(fileURLToPath(moduleUrl)) : undefined;
}

function resolveFrom(place: string, request: string): string | undefined {
  try {
    return requireFrom(join(place, 'program.js')).resolve(request);
  } catch {
    return undefined;
  }
}
