// Where built addons are put for the packages that open them.
import { copyFileSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';

const repository = dirname(dirname(import.meta.dirname));

/** @param {string} packageName without its scope @param {string} addon a file's name */
export const stagedAt = (packageName, addon) =>
  join(repository, 'packages', packageName, 'prebuilds', `${process.platform}-${process.arch}`, addon);

/** @param {string} built a path @param {string} target its place */
export function stage(built, target) {
  mkdirSync(dirname(target), { recursive: true });
  // Copied beside and renamed: a running process keeps the file it has mapped.
  copyFileSync(built, `${target}.new`);
  renameSync(`${target}.new`, target);
  console.log(`native: staged ${target}`);
}
