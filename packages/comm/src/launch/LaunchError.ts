import { ScmoeError } from '@scmoe/errors';

/** A launch that can't begin or go on, for reasons its reader can act on. */
export class LaunchError extends ScmoeError {
  override readonly name: string = 'LaunchError';
  /** 2 for a command line that is wrong, 1 for the rest. */
  readonly exitCode: 1 | 2;

  constructor(message: string, { exitCode = 1, cause }: { exitCode?: 1 | 2; cause?: unknown } = {}) {
    super(message, { cause });
    this.exitCode = exitCode;
  }
}
