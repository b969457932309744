import { UserError } from '@scmoe/errors';
import { useBackend } from '@scmoe/tensor';

/**
 * Chooses the backend that computes.
 *
 * @returns what was chosen and why, in one line
 * @throws UserError when the named backend can't be used
 */
export async function startBackend({
  backend,
  threads,
  precision,
}: {
  backend: string;
  threads?: number;
  precision: 'float32' | 'bf16';
}): Promise<string> {
  try {
    const { line } = await useBackend(backend, { ...(threads !== undefined && { threads }), precision });
    return line;
  } catch (error) {
    throw new UserError((error as Error).message, { exitCode: 2, cause: error });
  }
}
