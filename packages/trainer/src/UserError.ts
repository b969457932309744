/**
 * An error that its reader can act on: what was wrong, what was expected, what came. Apps print the message alone,
 * without a stack, and exit with `exitCode`.
 */
export class UserError extends Error {
  override readonly name: string = 'UserError';
  /** 1 for a failed run, 2 for a command that was wrong. */
  readonly exitCode: 1 | 2;

  constructor(message: string, { exitCode = 1, cause }: { exitCode?: 1 | 2; cause?: unknown } = {}) {
    super(message, { cause });
    this.exitCode = exitCode;
  }
}
