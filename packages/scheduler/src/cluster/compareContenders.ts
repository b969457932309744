import { contenders, type Contender } from './Contender.js';
import type { Machine } from './Machine.js';
import type { RunKind } from './pairCosts.js';
import { predictPair, type PairPrediction } from './predictPair.js';

/** One contender on one machine. */
export interface ComparisonRow extends PairPrediction {
  readonly contender: Contender;
  /** Against the standard top-2 layer, run sequentially. */
  readonly speedup: number;
}

/** What is compared, and where. */
export interface CompareOptions {
  /** Block pairs of the model. Default 1. */
  readonly pairs?: number;
  /**
   * The largest number of chunks for the stages that overlap with their window; where it is more than 1 the experts of a rank
   * may be cut as well. Default 1: as in the paper.
   */
  readonly maxChunks?: number;
  /** The same for the pipelined stage, which has nothing but chunks, and for those that may be split. Default 4. */
  readonly pipelineChunks?: number;
  readonly numTokens?: number | undefined;
}

/** Every contender on one machine that it has times of; the first has to be there. Times are of all pairs. */
export function compareContenders(
  machine: Machine,
  kind: RunKind,
  { pairs = 1, maxChunks = 1, pipelineChunks = 4, numTokens }: CompareOptions = {},
): readonly ComparisonRow[] {
  const tokens = numTokens === undefined ? {} : { numTokens };
  const known = contenders.filter(({ stage, topK }, i) => i === 0 || (machine.knows?.(stage, topK) ?? true));
  const predicted = known.map((contender) => {
    const isSplit = contender.mode === 'split';
    const most = contender.mode === 'pipelined' || isSplit ? pipelineChunks : maxChunks;
    return predictPair(machine, contender, kind, {
      maxChunks: most,
      cutsExperts: most > 1,
      maxHalves: isSplit ? 2 : 1,
      ...tokens,
    });
  });
  return known.map((contender, i) => {
    const { stepMs, communicationMs, exposedMs, ...choice } = predicted[i]!;
    return {
      contender,
      ...choice,
      stepMs: stepMs * pairs,
      communicationMs: communicationMs * pairs,
      exposedMs: exposedMs * pairs,
      speedup: stepMs === 0 ? 1 : predicted[0]!.stepMs / stepMs,
    };
  });
}
