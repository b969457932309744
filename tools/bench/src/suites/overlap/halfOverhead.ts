import {
  separateHalves,
  stageGraph,
  unchunkedName,
  uncut,
  type ChunkOverhead,
  type OperatorCosts,
} from '@scmoe/scheduler';

import type { RankGroup } from '../../ranks/RankGroup.js';
import { median } from '../../statistics.js';
import type { Level } from './OverlapShape.js';
import type { TraceAnswer } from './protocol.js';

/**
 * What an operator of a half costs on top of its share of the work, from steps of the top-2 layer on two halves of the batch.
 *
 * @param whole times of the layer's operators in one piece, forward
 */
export async function halfOverhead(
  group: RankGroup,
  level: Level,
  whole: OperatorCosts,
  { steps }: { steps: number },
): Promise<ChunkOverhead> {
  const graph = stageGraph('standard');
  const plan = { slot: 0, ...uncut, halves: 2 };
  const question = JSON.stringify({ ask: 'trace', level, layer: 'top2', plan });
  const found: ChunkOverhead[] = [];
  for (let step = 0; step < steps; step++) {
    const ranks = (await group.ask<TraceAnswer>(question)).map(({ spans }) => {
      const sums: Record<string, number> = Object.fromEntries(graph.names.map((name) => [name, 0]));
      for (const { operator, startMs, endMs } of spans) {
        // Of the first layer's forward pass the operators themselves, not what starts exchanges or takes what came.
        const name = /^0 ([^ ']+)$/.exec(operator)?.[1];
        if (name !== undefined) sums[unchunkedName(name)]! += endMs - startMs;
      }
      return sums;
    });
    // The slowest rank says what computing took, the quickest what moving did: who comes early waits.
    const sums = graph.names.map((name): [string, number] => {
      const times = ranks.map((rank) => rank[name]!);
      return [name, graph.isExchange(name) ? Math.min(...times) : Math.max(...times)];
    });
    found.push(separateHalves(graph, whole, Object.fromEntries(sums), { halves: 2 }).overhead);
  }
  const of = (name: keyof ChunkOverhead) => median(found.map((overhead) => overhead[name]));
  return { computeMs: of('computeMs'), communicationMs: of('communicationMs') };
}
