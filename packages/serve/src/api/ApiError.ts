import { ScmoeError } from '@scmoe/errors';

/** What an error says besides its message. */
export interface ApiErrorOptions {
  /** HTTP status. Default: 400. */
  status?: number;
  /** Default: invalid_request_error. */
  type?: string;
  /** The parameter of the request that is wrong. */
  param?: string;
  /** What programs can tell errors apart by, such as `context_length_exceeded`. */
  code?: string;
  /** Whether another try may succeed; the official clients try again by themselves unless told not to. */
  retry?: boolean;
}

/** The form in which the API says what is wrong; the official clients show the message of no other. */
export interface ApiErrorBody {
  error: { message: string; type: string; param: string | null; code: string | null };
}

/** A request that can't be answered, with what its answer says. */
export class ApiError extends ScmoeError {
  override readonly name: string = 'ApiError';
  readonly status: number;
  readonly retry: boolean | undefined;
  private readonly details: Omit<ApiErrorBody['error'], 'message'>;

  constructor(
    message: string,
    { status = 400, type = 'invalid_request_error', param, code, retry }: ApiErrorOptions = {},
  ) {
    super(message);
    this.status = status;
    this.retry = retry;
    this.details = { type, param: param ?? null, code: code ?? null };
  }

  get body(): ApiErrorBody {
    return { error: { message: this.message, ...this.details } };
  }
}
