import { partsOf, type ChunkCut } from '../axes/chunkAxes.js';
import type { ChunkContext } from '../axes/ChunkAxis.js';
import { expectOverheads } from '../axes/passOverheads.js';
import { chunkName, halfName, isChunkedKind } from '../graph/chunkNames.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import { expectChunks } from '../plan/expectChunks.js';
import { expectHalves } from '../plan/expectHalves.js';
import type { OperatorCosts } from './OperatorCosts.js';

/** How costs are shared out over parts. */
export interface ChunkCostOptions extends ChunkContext, Partial<ChunkCut> {
  /** What both halves of each operator took together, where a stage ran on halves: not assumed to be what the whole takes. */
  readonly inHalves?: OperatorCosts | undefined;
}

/**
 * Costs under the names of a plan in parts: a part's share of the work plus the overhead. One part: as they are. In halves every
 * operator has its share of what halves were measured to take, or else of the whole; a gate that sees both stays one. Of a backward
 * pass with `ofBackward(options)`.
 */
export function chunkCosts(graph: OperatorGraph, costs: OperatorCosts, options: ChunkCostOptions): OperatorCosts {
  const { chunks = 1, expertChunks = 1, halves = 1, jointGate = false, inHalves } = options;
  expectChunks('chunks', chunks);
  expectChunks('expertChunks', expertChunks);
  expectHalves('halves', halves);
  expectOverheads(options);
  const cut = { chunks, expertChunks, halves };
  const ofHalf = partsOf(cut, options, 'stage');
  const ofPart = partsOf(cut, options, 'routed');
  if ((ofHalf.shares.length === 1 && ofPart.shares.length === 1) || !graph.routed) return costs;

  const measured = halves > 1 ? inHalves : undefined;
  const work = measured ?? costs;
  const { overheadInHalves: overhead, expertOverheadInHalves: expertOverhead = overhead } = options;
  const inHalf = measured && overhead && partsOf(cut, { ...options, overhead, expertOverhead }, 'routed');
  const ofChunk = (inHalf ?? ofPart).overhead;
  const entries = graph.operators.flatMap(({ name, kind }): [string, number][] => {
    const isJoint = jointGate && kind === 'gate';
    const isHalved = ofHalf.shares.length > 1 && !isJoint;
    const inParts = ofPart.shares.length > 1 && isChunkedKind(kind);
    const extraOf = graph.isExchange(name) ? 'communicationMs' : 'computeMs';
    // A part of a half is launched and sent once.
    const extra = Math.max(isHalved && !measured ? ofHalf.overhead[extraOf] : 0, inParts ? ofChunk[extraOf] : 0);
    const ratio = inParts && !graph.isExchange(name) ? (ofChunk.computeRatio ?? 1) : 1;
    return (isHalved ? ofHalf.shares : [1]).flatMap((half, h) =>
      (inParts ? ofPart.shares : [1]).map((part, i): [string, number] => {
        const own = inParts ? chunkName(name, i) : name;
        return [isHalved ? halfName(own, h) : own, work[name]! * half * part * ratio + extra];
      }),
    );
  });
  return Object.fromEntries(entries);
}
