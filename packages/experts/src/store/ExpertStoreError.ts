import { ScmoeError } from '@scmoe/errors';

/** An expert that could not be read from its store. The message begins with the path. */
export class ExpertStoreError extends ScmoeError {
  override readonly name = 'ExpertStoreError';
}
