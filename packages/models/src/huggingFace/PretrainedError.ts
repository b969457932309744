import { ScmoeError } from '@scmoe/errors';

/** A folder of a public checkpoint that can't be loaded or written as asked. The message begins with its path. */
export class PretrainedError extends ScmoeError {
  override readonly name = 'PretrainedError';
}
