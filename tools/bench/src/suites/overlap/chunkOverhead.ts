import {
  numPartsOf,
  overheadOfPasses,
  separateParts,
  type ChunkCut,
  type ChunkOverhead,
  type OperatorGraph,
  type StageCosts,
} from '@scmoe/scheduler';

/** Asks for what a layer's operators take in steps in so many parts, all parts of each together. */
export type AskForParts = (cut: ChunkCut) => Promise<StageCosts>;

/**
 * What a part of a cut costs on top of its share of the work, forward and backward, from pipelined steps: as a controller learns it
 * in a run.
 *
 * @param whole times of the layer's operators in one part, or of both halves
 * @param numPasses how often it is asked: what else runs on the machine can only add to a time
 */
export async function chunkOverhead(
  ask: AskForParts,
  whole: StageCosts,
  { graph, cut, numPasses }: { graph: OperatorGraph; cut: ChunkCut; numPasses: number },
): Promise<ChunkOverhead> {
  const passes: StageCosts[] = [];
  for (let pass = 0; pass < numPasses; pass++) passes.push(await ask(cut));
  const least = (direction: 'forward' | 'backward') => {
    const found = passes.map(
      (sums) => separateParts(graph, whole[direction], sums[direction], numPartsOf(cut)).overhead,
    );
    const computeRatio = Math.min(...found.map((one) => one.computeRatio ?? 1));
    return {
      computeMs: Math.min(...found.map(({ computeMs }) => computeMs)),
      communicationMs: Math.min(...found.map(({ communicationMs }) => communicationMs)),
      ...(computeRatio < 1 && { computeRatio }),
    };
  };
  return overheadOfPasses(least('forward'), least('backward'))!;
}
