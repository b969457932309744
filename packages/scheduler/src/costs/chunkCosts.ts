import { expectNonNegative, expectWholeNumber } from '@scmoe/errors';

import { chunkName, isChunkedKind } from '../graph/chunkNames.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import { expectChunks } from '../plan/expectChunks.js';
import type { OperatorCosts } from './OperatorCosts.js';

/** What each chunk of an operator costs on top of its share of the work: a kernel launch, a message's latency. */
export interface ChunkOverhead {
  readonly computeMs: number;
  readonly communicationMs: number;
}

/** How costs are shared out over chunks. */
export interface ChunkCostOptions {
  readonly chunks: number;
  readonly overhead: ChunkOverhead;
  /** Number of tokens; chunks then differ in size where it does not divide. Even shares without it. */
  readonly numTokens?: number | undefined;
}

/** Sizes of the chunks, which differ by at most one; the longer ones come first. Zero tokens make chunks of zero. */
export function chunkSizes(numTokens: number, chunks: number): readonly number[] {
  expectWholeNumber('numTokens', numTokens);
  expectChunks('chunks', chunks);
  const whole = Math.floor(numTokens / chunks);
  return Array.from({ length: chunks }, (_, i) => whole + (i < numTokens % chunks ? 1 : 0));
}

/** Costs under the names of a chunked plan: a chunk's share of the work plus the overhead. One chunk: as they are. */
export function chunkCosts(
  graph: OperatorGraph,
  costs: OperatorCosts,
  { chunks, overhead, numTokens }: ChunkCostOptions,
): OperatorCosts {
  expectChunks('chunks', chunks);
  expectNonNegative('overhead.computeMs', overhead.computeMs);
  expectNonNegative('overhead.communicationMs', overhead.communicationMs);
  if (chunks === 1 || !graph.routed) return costs;
  const shares = numTokens ? chunkSizes(numTokens, chunks).map((size) => size / numTokens) : even(chunks);
  return Object.fromEntries(
    graph.operators.flatMap(({ name, kind }): [string, number][] => {
      if (!isChunkedKind(kind)) return [[name, costs[name]!]];
      const extra = graph.isExchange(name) ? overhead.communicationMs : overhead.computeMs;
      return shares.map((share, chunk) => [chunkName(name, chunk), costs[name]! * share + extra]);
    }),
  );
}

function even(chunks: number): readonly number[] {
  return Array.from({ length: chunks }, () => 1 / chunks);
}
