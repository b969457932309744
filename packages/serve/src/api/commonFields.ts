import { randomInt } from 'node:crypto';

import type { SamplingOptions } from '@scmoe/models';

import { ApiError } from './ApiError.js';
import type { RequestFields } from './RequestFields.js';

/** What completions and chat have in common. */
export interface CommonRequest {
  /** How many texts are asked for each prompt. */
  numChoices: number;
  seed: number;
  stopTexts: readonly string[];
  sampling: SamplingOptions;
  stream: boolean;
  /** A stream's last chunk says how many tokens there were. */
  includeUsage: boolean;
}

/** The most texts for one prompt. */
export const mostChoices = 16;

/** Parameters that are taken where they ask for what happens anyway. */
const neutral: Readonly<Record<string, (value: unknown) => boolean>> = {
  best_of: (value) => value === 1,
  echo: (value) => value === false,
  suffix: (value) => value === '',
  tools: (value) => Array.isArray(value) && value.length === 0,
  tool_choice: (value) => value === 'none' || value === 'auto',
  functions: (value) => Array.isArray(value) && value.length === 0,
  function_call: (value) => value === 'none' || value === 'auto',
  parallel_tool_calls: (value) => typeof value === 'boolean',
  response_format: (value) => (value as { type?: unknown }).type === 'text',
  modalities: (value) => Array.isArray(value) && value.join() === 'text',
  store: (value) => value === false,
  service_tier: (value) => value === 'auto' || value === 'default',
};

/** Parameters that say who asks and what for, which changes no answer. */
const ignored = ['user', 'safety_identifier', 'prompt_cache_key', 'metadata'];

/** Reads what completions and chat have in common. @throws ApiError naming the parameter that is wrong or not supported */
export function commonFields(fields: RequestFields): CommonRequest {
  const stream = fields.boolean('stream') ?? false;
  const streamOptions = fields.fields('stream_options');
  if (streamOptions && !stream)
    throw new ApiError('stream_options: expected only beside stream: true', { param: 'stream_options' });
  const includeUsage = streamOptions?.boolean('include_usage') ?? false;
  // Padding against guesses from the lengths of packets, which nothing here adds.
  streamOptions?.boolean('include_obfuscation');
  streamOptions?.expectNothingElse();
  for (const [name, isNeutral] of Object.entries(neutral)) {
    const value = fields.any(name);
    if (value === undefined || isNeutral(value)) continue;
    throw new ApiError(`Unsupported parameter: '${name}' is not supported by this server.`, {
      param: name,
      code: 'unsupported_parameter',
    });
  }
  for (const name of ignored) fields.any(name);
  return {
    numChoices: fields.integer('n', { minimum: 1, maximum: mostChoices }) ?? 1,
    // A seed of its own for each request that names none.
    seed: seedOf(fields.integer('seed', { minimum: -Number.MAX_SAFE_INTEGER })),
    stopTexts: fields.texts('stop', { most: 4 }) ?? [],
    sampling: samplingOf(fields),
    stream,
    includeUsage,
  };
}

function seedOf(seed: number | undefined): number {
  return seed === undefined ? randomInt(2 ** 47) : Math.abs(seed);
}

function samplingOf(fields: RequestFields): SamplingOptions {
  const temperature = fields.number('temperature', { minimum: 0, maximum: 2 });
  const topP = fields.number('top_p', { minimum: 0, maximum: 1 });
  const penalty = { minimum: -2, maximum: 2 };
  const frequencyPenalty = fields.number('frequency_penalty', penalty);
  const presencePenalty = fields.number('presence_penalty', penalty);
  const logitBias = logitBiasOf(fields);
  // Beyond the API, by the names that other servers have given them.
  const topK = fields.integer('top_k', { minimum: 1 });
  const minP = fields.number('min_p', { minimum: 0, maximum: 1 });
  const typicalP = fields.number('typical_p', { minimum: 0.001, maximum: 1 });
  const repetitionPenalty = fields.number('repetition_penalty', { minimum: 0.01, maximum: 100 });
  return {
    // A nucleus of nothing is its most likely token.
    temperature: topP === 0 ? 0 : (temperature ?? 1),
    ...(topP !== undefined && topP > 0 && { topP }),
    ...(frequencyPenalty !== undefined && { frequencyPenalty }),
    ...(presencePenalty !== undefined && { presencePenalty }),
    ...(logitBias && { logitBias }),
    ...(topK !== undefined && { topK }),
    ...(minP !== undefined && { minP }),
    ...(typicalP !== undefined && { typicalP }),
    ...(repetitionPenalty !== undefined && { repetitionPenalty }),
  };
}

function logitBiasOf(fields: RequestFields): Record<number, number> | undefined {
  const value = fields.any('logit_bias');
  if (value === undefined) return undefined;
  const wrong = () => fields.wrong('logit_bias', 'an object of token ids with numbers from -100 to 100', value);
  if (typeof value !== 'object' || Array.isArray(value)) throw wrong();
  const entries = Object.entries(value as object).map(([id, bias]: [string, unknown]) => {
    if (!/^\d{1,9}$/.test(id) || typeof bias !== 'number' || !(bias >= -100 && bias <= 100)) throw wrong();
    return [Number(id), bias] as const;
  });
  return Object.fromEntries(entries);
}
