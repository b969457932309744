import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { fromSource } from './fromSource.js';

const packages = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'packages');

/** How a process runs a program of the workspace. */
export interface ProgramCommand {
  /** Arguments of node before any file of the workspace: none, or those that run TypeScript. */
  node: readonly string[];
  main: string;
}

/**
 * The command of an app's `src/main.ts`: what was built of it where that is newer than every source file that it can hold,
 * as it is in CI; otherwise from source, which is the same program and takes three times as long to start.
 */
export function builtProgram(main: string): ProgramCommand {
  const app = dirname(dirname(main));
  const built = join(app, 'dist', 'main.js');
  const folders = [app, ...readdirSync(packages).map((name) => join(packages, name))];
  const isCurrent = folders.every((folder) => {
    const output = folder === app ? built : join(folder, 'dist', 'index.js');
    return existsSync(output) && statSync(output).mtimeMs >= newest(join(folder, 'src'));
  });
  return isCurrent ? { node: [], main: built } : { node: fromSource, main };
}

/** When a file of a folder was changed last, in ms; without tests and what only they use. */
function newest(folder: string): number {
  const times = readdirSync(folder, { withFileTypes: true }).map((entry) => {
    if (entry.name === 'testing' || entry.name.endsWith('.test.ts')) return 0;
    const path = join(folder, entry.name);
    return entry.isDirectory() ? newest(path) : statSync(path).mtimeMs;
  });
  return Math.max(0, ...times);
}
