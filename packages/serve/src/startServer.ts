import { UserError } from '@scmoe/errors';

import type { ServedModel } from './model/ServedModel.js';
import { createServer, draining, type ServerState } from './server/createServer.js';
import { resolveServerOptions, type ServerOptions } from './server/ServerOptions.js';

/** How long complete answers may take to reach clients when the server ends. */
const flushMs = 5000;

/** A server that listens. */
export interface RunningServer {
  /** Where clients find the API: their `baseURL`. */
  readonly url: string;
  /**
   * Ends the server: no new requests, those under way get `graceMs` to come to their ends, then an error. Frees the memory of
   * the texts; the model stays the caller's. A second call with less time shortens the first.
   */
  close(options?: { graceMs?: number }): Promise<void>;
}

/**
 * Serves a model under the endpoints of OpenAI's API: POST /v1/chat/completions and /v1/completions, whole or as
 * streams, GET /v1/models; and GET /health, GET /metrics for Prometheus.
 *
 * @throws ArgumentError naming the option that can't be; UserError where the address can't be listened on, or others could
 *   reach the server without a key
 */
export async function startServer(served: ServedModel, options: ServerOptions = {}): Promise<RunningServer> {
  const resolved = resolveServerOptions(options);
  const { host, port, maxSequences, maxWaiting, chunkTokens, prefixCacheTokens, stepTexts, maxWaitSteps } = resolved;
  const steps = { ...(stepTexts !== undefined && { stepTexts }), ...(maxWaitSteps !== undefined && { maxWaitSteps }) };
  const engine = served.model.generationEngine({ maxSequences, maxWaiting, chunkTokens, prefixCacheTokens, ...steps });
  const state: ServerState = { isDraining: false, ends: new Set() };
  const app = createServer(served, engine, resolved, state);
  let url: string;
  try {
    url = `${await app.listen({ host, port })}/v1`;
  } catch (error) {
    await engine.close();
    throw new UserError(`Can't listen on ${host}:${port}: ${(error as Error).message}`, { cause: error });
  }

  let closed: Promise<void> | undefined;
  const endAll = () => state.ends.forEach((end) => end(draining()));
  const finish = async () => {
    while (state.ends.size > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    await engine.close();
    // Answers that are complete still travel, but not forever.
    const force = setTimeout(() => app.server.closeAllConnections(), flushMs);
    await app.close().finally(() => clearTimeout(force));
  };
  return {
    url,
    close({ graceMs = 30_000 } = {}) {
      state.isDraining = true;
      const timer = setTimeout(endAll, graceMs);
      closed ??= finish();
      return closed.finally(() => clearTimeout(timer));
    },
  };
}
