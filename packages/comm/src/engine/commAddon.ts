import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { callByName, type Addon } from '@scmoe/native/signatures';

export type EngineAddon<Functions> =
  { addon: Functions; path: string; problem?: undefined } | { addon?: undefined; path: string; problem: string };

/**
 * Opens the addon of an engine, whose functions are native/signatures/comm. Never throws: `problem` says in one sentence why it can't be used.
 *
 * @param advice what to do where it was not built
 */
export function findEngineAddon<Functions extends object>(
  engine: 'gloo' | 'nccl',
  advice: string,
): EngineAddon<Functions> {
  // `src/engine/` and `dist/` sit at different depths under the package root: take the nearest folder that holds it.
  const name = join('prebuilds', `${process.platform}-${process.arch}`, `scmoe_comm_${engine}.node`);
  const here = dirname(fileURLToPath(import.meta.url));
  const candidates = [join(here, '..', name), join(here, '..', '..', name)];
  const path = candidates.find(existsSync) ?? candidates[0]!;
  if (!existsSync(path)) {
    return { path, problem: `there is no ${engine} addon for ${process.platform}-${process.arch}; ${advice}` };
  }
  try {
    return { addon: callByName<Functions>(createRequire(import.meta.url)(path) as Addon), path };
  } catch (error) {
    return { path, problem: `the ${engine} addon could not be loaded: ${(error as Error).message}; ${advice}` };
  }
}
