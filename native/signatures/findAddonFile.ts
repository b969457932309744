import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { requireFrom } from './requireFrom.js';

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
  const here = moduleUrl?.startsWith('file:') ? dirname(fileURLToPath(moduleUrl)) : undefined;
  // `src/addon/` and `dist/` sit at different depths under the package's root.
  const above = here === undefined ? [] : [join(here, '..'), join(here, '..', '..')];
  const own = above.find((folder) => isPackage(folder, packageName));
  const places = [here, process.argv[1] && dirname(process.argv[1]), process.cwd()];
  const installed = places.map((place) => (place ? installedPackage(packageName, place) : undefined));
  const roots = [own, ...installed].filter((folder): folder is string => folder !== undefined);
  const found = roots.map((folder) => join(folder, name)).find(existsSync);
  if (found !== undefined) return { path: found };
  const path = join(roots[0] ?? process.cwd(), name);
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

/** The folder of a package as a module in `place` would import it. */
function installedPackage(packageName: string, place: string): string | undefined {
  try {
    return dirname(requireFrom(join(place, 'program.js')).resolve(`${packageName}/package.json`));
  } catch {
    return undefined;
  }
}
