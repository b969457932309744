import { ScmoeError } from '@scmoe/errors';

/** What went wrong, for callers that act on it; the message says the rest. */
export type RendezvousFailure =
  /** It did not happen in time. */
  | 'timeout'
  /** The server said no: wrong token, a group that doesn't fit. */
  | 'refused'
  /** A rank came to a group that it has left, or died in. */
  | 'left'
  /** The address can't be listened on. */
  | 'address'
  /** The connection, or this end of it, is closed. */
  | 'closed'
  /** Larger or more than the server takes. */
  | 'limit'
  /** The other side doesn't speak this protocol. */
  | 'protocol';

/** A failure of the rendezvous store or of the connection to it. */
export class RendezvousError extends ScmoeError {
  override readonly name: string = 'RendezvousError';
  readonly failure: RendezvousFailure;

  constructor(failure: RendezvousFailure, message: string, { cause }: { cause?: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.failure = failure;
  }
}
