import type { ChunkCut, ChunkOverhead, OperatorCosts, Span } from '@scmoe/scheduler';

import type { RankGroup } from '../../ranks/RankGroup.js';
import type { Level } from './OverlapShape.js';
import type { TraceAnswer } from './protocol.js';

/**
 * What a part of a cut costs on top of its share of the work, from pipelined steps of the top-2 layer: there the ranks compute
 * while they have to agree on the next exchange, which makes it later than where they wait for it.
 *
 * @param whole times of the layer's operators in one piece, or of both halves, forward
 */
export async function chunkOverhead(
  group: RankGroup,
  level: Level,
  whole: OperatorCosts,
  { cut, steps }: { cut: ChunkCut; steps: number },
): Promise<ChunkOverhead> {
  const parts = cut.chunks * cut.expertChunks * cut.halves;
  const compute: number[] = [];
  const communication: number[] = [];
  const question = JSON.stringify({ ask: 'trace', level, layer: 'top2', mode: 'train', plan: { slot: 0, ...cut } });
  for (let step = 0; step < steps; step++) {
    const ranks = (await group.ask<TraceAnswer>(question)).map(({ spans }) => spans.filter(isFirstLayerForward));
    const slowest = (name: string) => Math.max(...ranks.map((spans) => sum(spans, `0 ${name}#`)));
    // Who comes early waits: the quickest rank says what moving took.
    const quickest = (name: string) => Math.min(...ranks.map((spans) => sum(spans, `0 ${name}#`)));
    compute.push((slowest('expert') - whole['expert']!) / parts);
    const exchanges = quickest('dispatch') + quickest('combine') - whole['dispatch']! - whole['combine']!;
    communication.push(exchanges / (2 * parts));
  }
  // What else runs on the machine can only add to a time.
  return { computeMs: Math.max(0, Math.min(...compute)), communicationMs: Math.max(0, Math.min(...communication)) };
}

function isFirstLayerForward({ operator }: Span): boolean {
  return operator.startsWith('0 ') && !operator.endsWith("'");
}

/** Sum over the chunks of an operator itself, not of what starts them or takes what came. */
function sum(spans: readonly Span[], prefix: string): number {
  return spans
    .filter(({ operator }) => operator.startsWith(prefix) && !operator.includes(' ', 2))
    .reduce((total, { startMs, endMs }) => total + endMs - startMs, 0);
}
