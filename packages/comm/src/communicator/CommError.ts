import { ScmoeError } from '@scmoe/errors';

/** What kind of failure a `CommError` is. */
export type CommErrorCode =
  /** A rank did not take part in time. */
  | 'SCMOE_COMM_TIMEOUT'
  /** A rank's process has ended. */
  | 'SCMOE_COMM_DEAD'
  /** The ranks disagree on what they are doing: the same code on all of them, whichever saw it first. */
  | 'SCMOE_COMM_MISMATCH'
  /** A rank has left by `close()` while others went on: its own last words say why. On all ranks, as a disagreement. */
  | 'SCMOE_COMM_LEFT'
  /** A connection broke and nobody knows why. */
  | 'SCMOE_COMM_CONNECTION'
  /** The engine's library, or the GPU, reports a failure. */
  | 'SCMOE_COMM_ENGINE'
  /** Another rank, or this program itself, gave up. */
  | 'SCMOE_COMM_ABORTED'
  /** Used after close, or after a failure. */
  | 'SCMOE_COMM_CLOSED'
  /** The engine that was asked for can't run here. */
  | 'SCMOE_COMM_UNAVAILABLE';

/** Why a collective, or a communicator, can't go on. After one, the communicator is of no more use: make a new one. */
export class CommError extends ScmoeError {
  override readonly name = 'CommError';
  readonly code: CommErrorCode;
  /** The ranks to blame, as far as they are known, numbered within the communicator. */
  readonly ranks: readonly number[];

  constructor(code: CommErrorCode, message: string, { ranks = [] }: { ranks?: readonly number[] } = {}) {
    super(message);
    this.code = code;
    this.ranks = ranks;
  }
}

/** What the addon throws, with a stack trace of JavaScript; anything else as it is. */
export function toCommError(error: unknown): unknown {
  const { code, ranks, message } = error as { code?: string; ranks?: number[]; message: string };
  if (error instanceof CommError || !code?.startsWith('SCMOE_COMM_')) return error;
  return new CommError(code as CommErrorCode, message, { ranks });
}
