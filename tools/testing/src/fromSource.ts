import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Arguments for node that let a process, or a worker, run the workspace's TypeScript as it is: programs that a test starts
 * need no build.
 */
export const fromSource = [
  '-C',
  '@scmoe/source',
  '--import',
  join(dirname(fileURLToPath(import.meta.url)), 'runSource.mjs'),
];
