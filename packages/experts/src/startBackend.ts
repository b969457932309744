import { UserError } from '@scmoe/errors';
import { useBackend } from '@scmoe/tensor';

/**
 * Chooses the backend that models run on here.
 *
 * @param threads as many as the machine has cores, where it is not given
 * @returns what was chosen and why, in one line
 * @throws UserError when there is none
 */
export async function startBackend({ threads }: { threads?: number } = {}): Promise<string> {
  try {
    const { line } = await useBackend('auto', { ...(threads !== undefined && { threads }) });
    return line;
  } catch (error) {
    throw new UserError((error as Error).message, { cause: error });
  }
}
