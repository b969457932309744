import { ApiError } from './ApiError.js';
import { commonFields, type CommonRequest } from './commonFields.js';
import { RequestFields } from './RequestFields.js';

/** The body of POST /v1/completions. */
export interface CompletionRequest extends CommonRequest {
  model: string | undefined;
  /** Texts or token ids. */
  prompts: readonly (string | readonly number[])[];
  maxNewTokens: number;
  /** How many of the likeliest tokens are told of each; undefined: no log probabilities. */
  numTop: number | undefined;
}

/** The most prompts of one request. */
const mostPrompts = 32;

/** Reads a body. @throws ApiError naming the parameter that is missing, wrong or not supported */
export function completionRequest(body: unknown): CompletionRequest {
  const fields = new RequestFields(body);
  const request: CompletionRequest = {
    model: fields.text('model'),
    prompts: promptsOf(fields),
    maxNewTokens: fields.integer('max_tokens') ?? 16,
    numTop: fields.integer('logprobs', { maximum: 20 }),
    ...commonFields(fields),
  };
  fields.expectNothingElse();
  return request;
}

function promptsOf(fields: RequestFields): (string | number[])[] {
  const value = fields.any('prompt') ?? '';
  const isIds = (item: unknown) => Array.isArray(item) && item.length > 0 && item.every(Number.isSafeInteger);
  if (typeof value === 'string') return [value];
  if (isIds(value)) return [value as number[]];
  const isList = Array.isArray(value) && value.length > 0 && value.length <= mostPrompts;
  if (isList && (value.every((item) => typeof item === 'string') || value.every(isIds)))
    return value as (string | number[])[];
  if (Array.isArray(value) && value.length > mostPrompts)
    throw new ApiError(`prompt: expected at most ${mostPrompts} prompts, got ${value.length}`, { param: 'prompt' });
  throw fields.wrong('prompt', 'a text, token ids, or a list of texts or of token ids', value);
}
