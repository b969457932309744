import { ScmoeError } from './ScmoeError.js';

/** A failure that the user of a program can act on, with the status that the program should end with. */
export class UserError extends ScmoeError {
  override readonly name: string = 'UserError';
  /** 1 for a failed run, 2 for a command that was wrong. */
  readonly exitCode: 1 | 2;

  constructor(message: string, { exitCode = 1, cause }: { exitCode?: 1 | 2; cause?: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.exitCode = exitCode;
  }
}
