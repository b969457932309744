import { ScmoeError, UserError } from '@scmoe/errors';

/** A folder or an adapter that is not as it should be is its user's to mend. */
export async function asUserError<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UserError || !(error instanceof ScmoeError)) throw error;
    throw new UserError(error.message, { cause: error });
  }
}
