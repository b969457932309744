import { ArgumentError } from '@scmoe/errors';
import { QueueFullError, SequenceLengthError } from '@scmoe/models';

import { ApiError } from './ApiError.js';

/** What an error of any part means to a client. Whatever is a fault of the server keeps its message to itself. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof SequenceLengthError) {
    const { numPromptTokens, sequenceLength } = error;
    return new ApiError(
      `This model's maximum context length is ${sequenceLength} tokens, of which one has to be left for the answer, but the prompt has ${numPromptTokens}.`,
      { param: 'prompt', code: 'context_length_exceeded' },
    );
  }
  if (error instanceof QueueFullError) {
    return new ApiError('The server is busy: as many requests wait as may. Try again later.', {
      status: 429,
      type: 'rate_limit_error',
      code: 'rate_limit_exceeded',
    });
  }
  if (error instanceof ArgumentError) return new ApiError(error.message);
  return new ApiError('The server failed to answer this request.', { status: 500, type: 'server_error' });
}
