import type { Routing } from '@scmoe/gating';
import { chunkRouting, type ChunkedRouting, type Dispatcher, type RouteAhead } from '@scmoe/layer';

import type { RunStageOptions } from './runStage.js';

/**
 * The route of all layers, known before the first of them: it is cut into the parts in which it travels, once for all layers
 * that cut it alike, and what ranks have to know of each other for all of that goes in one exchange.
 *
 * @param executions how each layer runs that has experts; undefined for others
 * @returns what each of them is given
 */
export function layerRoutes(
  routing: Routing,
  executions: readonly (Pick<RunStageOptions, 'chunks' | 'expertChunks'> | undefined)[],
  dispatcher: Dispatcher | undefined,
): (RouteAhead | undefined)[] {
  const cuts = new Map<string, ChunkedRouting>();
  const routes = executions.map((execution): RouteAhead | undefined => {
    if (!execution) return undefined;
    const { chunks = 1, expertChunks = 1 } = execution;
    if (chunks * expertChunks === 1) return { routing };
    const name = `${chunks} ${expertChunks}`;
    const chunked = cuts.get(name) ?? chunkRouting(routing, { chunks, expertChunks, ranks: dispatcher?.numRanks ?? 1 });
    cuts.set(name, chunked);
    return { routing, chunked };
  });
  const isWhole = routes.some((route) => route && !route.chunked);
  const parts = [...(isWhole ? [routing] : []), ...[...cuts.values()].flatMap((cut) => cut.parts)];
  if (parts.length > 0) dispatcher?.prepare(parts);
  return routes;
}
