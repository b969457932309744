import { expectNonNegative } from '@scmoe/errors';

import { partsOf, type ChunkCut } from '../axes/chunkAxes.js';
import type { ChunkContext } from '../axes/ChunkAxis.js';
import { chunkName, isChunkedKind } from '../graph/chunkNames.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import { expectChunks } from '../plan/expectChunks.js';
import type { OperatorCosts } from './OperatorCosts.js';

/** How costs are shared out over parts. */
export interface ChunkCostOptions extends ChunkContext, Partial<ChunkCut> {}

/** Costs under the names of a plan in parts: a part's share of the work plus the overhead. One part: as they are. */
export function chunkCosts(graph: OperatorGraph, costs: OperatorCosts, options: ChunkCostOptions): OperatorCosts {
  const { chunks = 1, expertChunks = 1 } = options;
  expectChunks('chunks', chunks);
  expectChunks('expertChunks', expertChunks);
  for (const name of ['overhead', 'expertOverhead'] as const) {
    for (const [of, ms] of Object.entries(options[name] ?? {})) expectNonNegative(`${name}.${of}`, ms as number);
  }
  const { shares, overhead } = partsOf({ chunks, expertChunks }, options);
  if (shares.length === 1 || !graph.routed) return costs;
  return Object.fromEntries(
    graph.operators.flatMap(({ name, kind }): [string, number][] => {
      if (!isChunkedKind(kind)) return [[name, costs[name]!]];
      const extra = graph.isExchange(name) ? overhead.communicationMs : overhead.computeMs;
      return shares.map((share, part) => [chunkName(name, part), costs[name]! * share + extra]);
    }),
  );
}
