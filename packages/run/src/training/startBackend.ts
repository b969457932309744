import { UserError } from '@scmoe/errors';
import { useBackend } from '@scmoe/tensor';

import type { RuntimeOptions } from '../options/runtimeOptions.js';

/**
 * Chooses the backend.
 *
 * @returns what was chosen and why, in one line
 * @throws UserError when the named backend can't be used.
 */
export async function startBackend({
  backend,
  threads,
  precision,
}: Pick<RuntimeOptions, 'backend' | 'threads' | 'precision'>): Promise<string> {
  try {
    const { line } = await useBackend(backend, { ...(threads !== undefined && { threads }), precision });
    return line;
  } catch (error) {
    throw new UserError((error as Error).message, { exitCode: 2, cause: error });
  }
}
