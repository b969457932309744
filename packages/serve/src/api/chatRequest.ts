import { ApiError } from './ApiError.js';
import { commonFields, type CommonRequest } from './commonFields.js';
import { RequestFields } from './RequestFields.js';

/** A message as chat templates see it. */
export interface ChatMessage {
  role: string;
  content: string;
  name?: string;
}

/** The body of POST /v1/chat/completions. */
export interface ChatRequest extends CommonRequest {
  model: string | undefined;
  messages: readonly ChatMessage[];
  /** Default: what the model can look at. */
  maxNewTokens: number | undefined;
  /** How many of the likeliest tokens are told of each; undefined: no log probabilities. */
  numTop: number | undefined;
}

const roles = ['system', 'developer', 'user', 'assistant'];

/** Reads a body. @throws ApiError naming the parameter that is missing, wrong or not supported */
export function chatRequest(body: unknown): ChatRequest {
  const fields = new RequestFields(body);
  const logprobs = fields.boolean('logprobs') ?? false;
  const top = fields.integer('top_logprobs', { maximum: 20 });
  if (top !== undefined && !logprobs)
    throw new ApiError('top_logprobs: expected only beside logprobs: true', { param: 'top_logprobs' });
  const maxTokens = fields.integer('max_tokens', { minimum: 1 });
  const request: ChatRequest = {
    model: fields.text('model'),
    messages: messagesOf(fields),
    maxNewTokens: fields.integer('max_completion_tokens', { minimum: 1 }) ?? maxTokens,
    numTop: logprobs ? (top ?? 0) : undefined,
    ...commonFields(fields),
  };
  fields.expectNothingElse();
  return request;
}

function messagesOf(fields: RequestFields): ChatMessage[] {
  const value = fields.any('messages');
  if (!Array.isArray(value) || value.length === 0) throw fields.wrong('messages', 'a list of messages', value);
  return value.map((message: unknown, index) => messageOf(new RequestFields(message, `messages[${index}]`)));
}

function messageOf(fields: RequestFields): ChatMessage {
  const role = fields.text('role');
  if (role === undefined || !roles.includes(role)) throw fields.wrong('role', `one of ${roles.join(', ')}`, role);
  const content = contentOf(fields);
  const name = fields.text('name');
  fields.any('refusal');
  fields.expectNothingElse();
  return { role, content, ...(name !== undefined && { name }) };
}

/** A text, or parts that are texts. */
function contentOf(fields: RequestFields): string {
  const value = fields.any('content') ?? null;
  if (typeof value === 'string') return value;
  const parts: unknown[] = Array.isArray(value) ? value : [];
  const isText = (part: unknown): part is { text: string } =>
    (part as { type?: unknown } | null)?.type === 'text' && typeof (part as { text?: unknown }).text === 'string';
  if (parts.length === 0 || !parts.every(isText))
    throw fields.wrong('content', 'a text, or a list of text parts', value);
  return parts.map(({ text }) => text).join('');
}
