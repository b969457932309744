import type { Communicator } from '@scmoe/comm';
import {
  median,
  separateHalves,
  separateParts,
  wholeCosts,
  type ChunkContext,
  type ChunkCut,
  type ChunkOverhead,
  type CostKey,
  type CostModel,
  type OperatorCosts,
  type OperatorGraph,
  type StageCosts,
} from '@scmoe/scheduler';

import { gatherCosts } from './gatherCosts.js';
import type { PlannedGraphs, PlannedStage } from './PlannedStage.js';
import type { StepEvent } from './StepRecorder.js';
import { operatorCosts } from './stageTimes.js';

/** Where times of stages are kept, and what they depend on. */
export interface StageCostBookOptions {
  costs: CostModel;
  key: Pick<CostKey, 'machine' | 'shape'>;
  context: ChunkContext;
  world: Communicator | undefined;
}

/** Times of stages in one part: as they were measured, in whatever parts that was, or are known of earlier runs. */
export class StageCostBook {
  constructor(private readonly options: StageCostBookOptions) {}

  /**
   * Medians of what was observed in steps under the plans of `cutOf`, over all ranks, which all call it. What a part costs besides
   * is remembered with its stage.
   */
  async measured(
    stages: PlannedGraphs,
    steps: readonly (readonly StepEvent[])[],
    cutOf: (stage: PlannedStage) => ChunkCut,
  ): Promise<Map<number, StageCosts>> {
    const { costs, key, world } = this.options;
    const found = new Map<number, StageCosts>();
    for (const [index, stage] of stages) {
      const { graph } = stage;
      const of = (phase: 'forward' | 'backward') => {
        const times = steps.map((events) => operatorCosts(events, index, phase, graph));
        return Object.fromEntries(graph.names.map((name) => [name, median(times.map((step) => step[name]!))]));
      };
      const [forward, backward] = [
        await gatherCosts(world, graph, of('forward')),
        await gatherCosts(world, graph, of('backward')),
      ];
      const inOnePart = this.inOnePart(stage, graph, { forward, backward }, cutOf(stage));
      found.set(index, inOnePart);
      for (const [direction, times] of Object.entries({ ...inOnePart })) {
        const own = { ...key, direction: direction as 'forward' | 'backward' };
        for (const [name, ms] of Object.entries(times)) costs.record(own, `${index} ${name}`, ms);
      }
    }
    return found;
  }

  /** Times of earlier runs, where there are some of every stage. */
  known(stages: PlannedGraphs): Map<number, StageCosts> | undefined {
    const { costs, key } = this.options;
    const found = new Map<number, StageCosts>();
    for (const [index, stage] of stages) {
      const of = (direction: 'forward' | 'backward') => {
        const entries = stage.graph.names.map(
          (name) => [name, costs.costOf({ ...key, direction }, `${index} ${name}`)] as const,
        );
        return entries.some(([, cost]) => cost === undefined)
          ? undefined
          : (Object.fromEntries(entries) as Record<string, number>);
      };
      const [forward, backward] = [of('forward'), of('backward')];
      if (!forward || !backward) return undefined;
      found.set(index, { forward, backward });
      stage.whole = { forward, backward };
    }
    return found;
  }

  /** What was measured as it would be in one part; what a part costs besides is remembered. */
  private inOnePart(stage: PlannedStage, graph: OperatorGraph, sums: StageCosts, cut: ChunkCut): StageCosts {
    const numParts = cut.chunks * cut.expertChunks;
    if (numParts === 1 && cut.halves === 1) return (stage.whole = sums);
    const { whole, jointGate = false } = stage;
    if (!whole) {
      const of = (times: OperatorCosts) => wholeCosts(graph, times, { ...this.options.context, ...cut, jointGate });
      return { forward: of(sums.forward), backward: of(sums.backward) };
    }
    const separate = (direction: 'forward' | 'backward') =>
      cut.halves === 1
        ? separateParts(graph, whole[direction], sums[direction], numParts)
        : separateHalves(graph, whole[direction], sums[direction], cut);
    const [forward, backward] = [separate('forward'), separate('backward')];
    const mean = (name: keyof ChunkOverhead) => (forward.overhead[name] + backward.overhead[name]) / 2;
    const overhead = { computeMs: mean('computeMs'), communicationMs: mean('communicationMs') };
    stage[cut.halves === 1 ? 'overhead' : 'halfOverhead'] = overhead;
    return { forward: forward.costs, backward: backward.costs };
  }
}
