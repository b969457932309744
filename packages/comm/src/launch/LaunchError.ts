import { ScmoeError } from '@scmoe/errors';

/** A launch that can't begin or go on, for reasons its reader can act on. */
export class LaunchError extends ScmoeError {
  override readonly name: string = 'LaunchError';
}
