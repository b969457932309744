import type { Routing } from '@scmoe/gating';
import { chunkRouting, type ChunkedRouting, type Dispatcher, type RouteAhead, type TensorGroup } from '@scmoe/layer';

import type { RunStageOptions } from './runStage.js';

/**
 * The route of all layers, known before the first of them: it is cut into the parts in which it travels, once for all layers
 * that cut it alike, and what ranks have to know of each other for all of that goes in one exchange.
 *
 * A layer whose ranks hand over a share each of the tokens cuts its own route, of its share.
 *
 * @param executions how each layer runs that has experts; undefined for others
 * @returns what each of them is given
 */
export function layerRoutes(
  routing: Routing,
  executions: readonly (Pick<RunStageOptions, 'chunks' | 'expertChunks'> | undefined)[],
  { dispatcher, tensor }: { dispatcher?: Dispatcher | undefined; tensor?: TensorGroup | undefined },
): (RouteAhead | undefined)[] {
  const cuts = new Map<string, ChunkedRouting>();
  // Whole or in parts, in the order in which layers need them.
  const parts = new Map<Dispatcher, Set<Routing>>();
  const routes = executions.map((execution, index): RouteAhead | undefined => {
    if (!execution) return undefined;
    const own = dispatcher?.ofStage?.(index) ?? dispatcher;
    if (tensor && tensor.size > 1 && !own?.takesAllTokens) return { routing };
    const { chunks = 1, expertChunks = 1 } = execution;
    const known = (own && parts.get(own)) ?? new Set();
    if (own) parts.set(own, known);
    if (chunks * expertChunks === 1) {
      known.add(routing);
      return { routing };
    }
    const name = `${chunks} ${expertChunks}`;
    const chunked = cuts.get(name) ?? chunkRouting(routing, { chunks, expertChunks, ranks: dispatcher?.numRanks ?? 1 });
    cuts.set(name, chunked);
    for (const part of chunked.parts) known.add(part);
    return { routing, chunked };
  });
  for (const [own, known] of parts) own.prepare([...known]);
  return routes;
}
