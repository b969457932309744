import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { folderOf, resolveInstalled } from './resolveInstalled.js';
import { workingDirectory } from './workingDirectory.js';

/** Where an addon is, or would be, and why it is not there. */
export interface AddonFile {
  path: string;
  problem?: string;
}

/** What is asked for, and by whom. */
export interface AddonFileOptions {
  packageName: string;
  /** `scmoe_tensor.node` */
  file: string;
  /** `import.meta.url` of a module of the package; undefined where a bundler has made CommonJS of it. */
  moduleUrl: string | undefined;
  /** What messages call it: `native addon`. */
  what: string;
  /** What to do where the package has none for this machine. */
  advice: string;
}

/**
 * Finds an addon in the `prebuilds` of its package. Never throws. A module that was bundled lies elsewhere, without
 * prebuilds: then it is that of the package as the program, or the working directory, would find it installed.
 */
export function findAddonFile({ packageName, file, moduleUrl, what, advice }: AddonFileOptions): AddonFile {
  const name = join('prebuilds', `${process.platform}-${process.arch}`, file);
  const here = folderOf(moduleUrl);
  // `src/addon/` and `dist/` sit at different depths under the package's root.
  const above = here === undefined ? [] : [join(here, '..'), join(here, '..', '..')];
  const own = above.find((folder) => isPackage(folder, packageName));
  const installed = resolveInstalled(`${packageName}/package.json`, moduleUrl).map((manifest) => dirname(manifest));
  const roots = [...(own === undefined ? [] : [own]), ...installed];
  const found = roots.map((folder) => join(folder, name)).find(existsSync);
  if (found !== undefined) return { path: found };
  const path = join(roots[0] ?? workingDirectory() ?? '', name);
  if (roots.length > 0)
    return { path, problem: `there is no ${what} for ${process.platform}-${process.arch}; ${advice}` };
  return {
    path,
    problem: `this program is bundled and ${packageName}, whose ${what} is no part of a bundle, is not installed beside it; install it there, or leave it out of the bundle (external: ['@scmoe/*'])`,
  };
}

function isPackage(folder: string, packageName: string): boolean {
  try {
    const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: string };
    return name === packageName;
  } catch {
    return false;
  }
}
