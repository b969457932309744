import { UserError } from '@scmoe/errors';

/** A picture that can't be used: where bad ones may be left out, it is, and no other. */
export class PictureError extends UserError {
  /**
   * @param picture its name
   * @param problem what is wrong with it, without its name and without a full stop
   */
  constructor(
    readonly picture: string,
    readonly problem: string,
    options?: { cause?: unknown },
  ) {
    super(`${picture}: ${problem}.`, options);
  }
}
