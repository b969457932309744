import { UserError } from '@scmoe/errors';
import { type BackendReport, useBackend } from '@scmoe/tensor';

import type { RuntimeOptions } from '../options/runtimeOptions.js';

/**
 * Chooses the backend.
 *
 * @returns what was chosen and why, in one line
 * @throws UserError when the named backend can't be used.
 */
export async function startBackend(options: BackendChoice): Promise<string> {
  return (await chooseBackend(options)).line;
}

/** What backend to choose, and how it computes. */
export type BackendChoice = Pick<RuntimeOptions, 'backend' | 'threads' | 'precision'>;

/**
 * Chooses the backend.
 *
 * @returns what was chosen, and what it can
 * @throws UserError when the named backend can't be used.
 */
export async function chooseBackend({ backend, threads, precision }: BackendChoice): Promise<BackendReport> {
  try {
    return await useBackend(backend, { ...(threads !== undefined && { threads }), precision });
  } catch (error) {
    throw new UserError((error as Error).message, { exitCode: 2, cause: error });
  }
}
