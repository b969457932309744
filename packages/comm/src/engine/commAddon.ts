import { callByName, findAddonFile, requireFrom, type Addon } from '@scmoe/native/signatures';

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
  const { path, problem } = findAddonFile({
    packageName: '@scmoe/comm',
    file: `scmoe_comm_${engine}.node`,
    moduleUrl: (import.meta as { url?: string }).url,
    what: `${engine} addon`,
    advice,
  });
  if (problem !== undefined) return { path, problem };
  try {
    return { addon: callByName<Functions>(requireFrom(path)(path) as Addon), path };
  } catch (error) {
    return { path, problem: `the ${engine} addon could not be loaded: ${(error as Error).message}; ${advice}` };
  }
}
