import {
  expectKnownOptions,
  expectPositive,
  expectPositiveInteger,
  expectText,
  expectWholeNumber,
  optionNames,
  UserError,
} from '@scmoe/errors';

import { isLoopback } from './localHosts.js';

/** Where a server listens, who may ask, and how much. */
export interface ServerOptions {
  /** Address to listen on. Default: 127.0.0.1, this machine alone; another needs an API key. */
  host?: string;
  /** Default: 8000; 0: a free one. */
  port?: number;
  /** What clients have to bring, as `Authorization: Bearer <key>`; /health alone needs none. Default: no key. */
  apiKey?: string;
  /** The most texts that are generated at once. Default: 16. */
  maxSequences?: number;
  /** The most texts that wait; further requests are answered with 429. Default: 256. */
  maxWaiting?: number;
  /** The most tokens that a request may ask for. Default: as many as the model can look at. */
  maxTokens?: number;
  /** The largest body, in bytes. Default: 4 MiB. */
  maxBodyBytes?: number;
  /** Time that a request may take, waiting included; then it ends with an error. Default: 600,000. */
  requestTimeoutMs?: number;
  /** Prompts are read in chunks of this many tokens. Default: 256. */
  chunkTokens?: number;
  /** Tokens of beginnings of prompts that are kept for prompts that begin alike. Default: 16,384. */
  prefixCacheTokens?: number;
  /** The most texts of a step, put together by their experts; for models with a router ahead. Default: all of them. */
  stepTexts?: number;
  /** The most steps that a text waits, with `stepTexts`. Default: 8. */
  maxWaitSteps?: number;
}

/** Every option decided. */
export type ResolvedServerOptions = Required<Omit<ServerOptions, Undecided>> & Pick<ServerOptions, Undecided>;
type Undecided = 'apiKey' | 'maxTokens' | 'stepTexts' | 'maxWaitSteps';

const names = optionNames<ServerOptions>({
  host: true,
  port: true,
  apiKey: true,
  maxSequences: true,
  maxWaiting: true,
  maxTokens: true,
  maxBodyBytes: true,
  requestTimeoutMs: true,
  chunkTokens: true,
  prefixCacheTokens: true,
  stepTexts: true,
  maxWaitSteps: true,
});

/** The longest time that timers can wait. */
const longestMs = 2 ** 31 - 1;

/**
 * Options with the defaults filled in.
 *
 * @throws ArgumentError naming the option that there is not or that can't be; UserError for a server that others could reach
 *   without a key
 */
export function resolveServerOptions(options: ServerOptions): ResolvedServerOptions {
  expectKnownOptions('server', options, names);
  const resolved: ResolvedServerOptions = {
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 8000,
    apiKey: options.apiKey,
    maxSequences: options.maxSequences ?? 16,
    maxWaiting: options.maxWaiting ?? 256,
    maxTokens: options.maxTokens,
    maxBodyBytes: options.maxBodyBytes ?? 4 * 2 ** 20,
    requestTimeoutMs: options.requestTimeoutMs ?? 600_000,
    chunkTokens: options.chunkTokens ?? 256,
    prefixCacheTokens: options.prefixCacheTokens ?? 16_384,
    // Whether the model has such steps, its engine says.
    stepTexts: options.stepTexts,
    maxWaitSteps: options.maxWaitSteps,
  };
  const { host, port, apiKey, maxTokens, requestTimeoutMs } = resolved;
  expectText('host', host);
  expectWholeNumber('port', port);
  for (const name of ['maxSequences', 'maxBodyBytes', 'chunkTokens'] as const)
    expectPositiveInteger(name, resolved[name]);
  for (const name of ['maxWaiting', 'prefixCacheTokens'] as const) expectWholeNumber(name, resolved[name]);
  if (maxTokens !== undefined) expectPositiveInteger('maxTokens', maxTokens);
  expectPositive('requestTimeoutMs', requestTimeoutMs);
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey))
    throw new UserError('The API key has to be visible ASCII characters without spaces, at least one.', {
      exitCode: 2,
    });
  if (apiKey === undefined && !isLoopback(host))
    throw new UserError(
      `host: expected a loopback address on a server without an API key, got ${host}: everybody who reaches it could use it.`,
      { exitCode: 2 },
    );
  return { ...resolved, requestTimeoutMs: Math.min(requestTimeoutMs, longestMs) };
}

/** Checks options of a server before it is started. @throws as `startServer` does, but for an address that is taken */
export function checkServerOptions(options: ServerOptions): void {
  resolveServerOptions(options);
}
