import { ScmoeError } from './ScmoeError.js';
import { UserError } from './UserError.js';

/**
 * Does some work of which a user has given the input: what our errors say of it is theirs to mend, and becomes a `UserError`.
 * All others, which are bugs, stay what they are.
 *
 * @param option the option that the input came by, which the message then begins with
 * @throws UserError in place of every other ScmoeError
 */
export async function asUserError<T>(work: () => T | Promise<T>, option?: string): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UserError || !(error instanceof ScmoeError)) throw error;
    throw new UserError(option === undefined ? error.message : `${option}: ${error.message}`, { cause: error });
  }
}
