import type { Communicator } from '@scmoe/comm';
import {
  halvedCosts,
  numPartsOf,
  ofBackward,
  overheadOfPasses,
  separateParts,
  wholeCosts,
  type ChunkContext,
  type ChunkCut,
  type CostKey,
  type CostModel,
  type OperatorGraph,
  type SeparatedCosts,
  type StageCosts,
} from '@scmoe/scheduler';

import { observedCosts } from './observedCosts.js';
import type { PlannedGraphs, PlannedStage } from './PlannedStage.js';
import type { StepEvent } from './StepRecorder.js';

/** Behind the name of an operator whose times are of two halves. */
const ofHalves = ' in halves';

type Direction = 'forward' | 'backward';

const directions: readonly Direction[] = ['forward', 'backward'];

/** The parts in which a stage ran, of each pass. */
export type PassCuts = Readonly<Record<Direction, ChunkCut>>;

/** Where times of stages are kept, and what they depend on. */
export interface StageCostBookOptions {
  costs: CostModel;
  key: Pick<CostKey, 'machine' | 'shape'>;
  context: ChunkContext;
  world?: Communicator | undefined;
}

/** Times of stages in one part, as they were measured, in whatever parts that was, or are known of earlier runs; and on two halves. */
export class StageCostBook {
  constructor(private readonly options: StageCostBookOptions) {}

  /**
   * Medians of what was observed in steps under the plans of `cutOf`, over all ranks, which all call it. What a part costs besides
   * is remembered with its stage.
   */
  async measured(
    stages: PlannedGraphs,
    steps: readonly (readonly StepEvent[])[],
    cutOf: (stage: PlannedStage) => PassCuts,
  ): Promise<Map<number, StageCosts>> {
    const { world } = this.options;
    const found = new Map<number, StageCosts>();
    for (const [index, stage] of stages) {
      const { graph } = stage;
      const cut = cutOf(stage);
      const sums = await observedCosts(steps, { stage: index, graph, world });
      const inOnePart = this.inOnePart(stage, graph, sums, cut);
      this.record(index, inOnePart);
      if (cut.forward.halves > 1) {
        stage.inHalves = this.inHalves(stage, graph, sums, cut.forward);
        this.record(index, stage.inHalves, ofHalves);
      }
      found.set(index, { ...inOnePart, inHalves: stage.inHalves });
    }
    return found;
  }

  private record(index: number, times: StageCosts, mark = ''): void {
    const { costs, key } = this.options;
    for (const direction of ['forward', 'backward'] as const)
      for (const [name, ms] of Object.entries(times[direction]))
        costs.record({ ...key, direction }, `${index} ${name}${mark}`, ms);
  }

  /** Times of earlier runs, where there are some of every stage. */
  known(stages: PlannedGraphs): Map<number, StageCosts> | undefined {
    const { costs, key } = this.options;
    const found = new Map<number, StageCosts>();
    for (const [index, stage] of stages) {
      const of = (mark: string): StageCosts | undefined => {
        const names = stage.graph.names.map((name) => `${index} ${name}${mark}`);
        const [forward, backward] = (['forward', 'backward'] as const).map((direction) => {
          const times = costs.costs({ ...key, direction }, names);
          return times && Object.fromEntries(stage.graph.names.map((name, i) => [name, times[names[i]!]!]));
        });
        return forward && backward && { forward, backward };
      };
      const whole = of('');
      if (!whole) return undefined;
      stage.whole = whole;
      const halves = of(ofHalves);
      if (halves) stage.inHalves = halves;
      found.set(index, { ...whole, inHalves: stage.inHalves });
    }
    return found;
  }

  /** What was measured as it would be in one part; what a part costs besides is remembered. */
  private inOnePart(stage: PlannedStage, graph: OperatorGraph, sums: StageCosts, cuts: PassCuts): StageCosts {
    const partsOf = (direction: Direction) => cuts[direction].chunks * cuts[direction].expertChunks;
    const inParts = directions.filter((direction) => partsOf(direction) > 1);
    if (inParts.length === 0 && cuts.forward.halves === 1) return (stage.whole = sums);
    const { whole } = stage;
    if (!whole) {
      const of = (direction: Direction) =>
        wholeCosts(graph, sums[direction], { ...this.contextOf(stage, direction), ...cuts[direction] });
      return { forward: of('forward'), backward: of('backward') };
    }
    // Halves have times of their own, which say nothing of the whole.
    if (cuts.forward.halves > 1) return whole;
    const found = { ...sums };
    const [forward, backward] = directions.map((direction) => {
      if (!inParts.includes(direction)) return undefined;
      const { costs, overhead } = separateParts(graph, whole[direction], sums[direction], partsOf(direction));
      found[direction] = costs;
      return overhead;
    });
    stage.overhead = overheadOfPasses(forward, backward);
    return found;
  }

  /** What both halves took, less what chunks of theirs cost on top of a share; where halves in one part are known, that is remembered. */
  private inHalves(stage: PlannedStage, graph: OperatorGraph, sums: StageCosts, cut: ChunkCut): StageCosts {
    const { inHalves } = stage;
    if (inHalves && cut.chunks * cut.expertChunks > 1) {
      const [forward, backward] = directions.map((direction) =>
        separateParts(graph, inHalves[direction], sums[direction], numPartsOf(cut)),
      ) as [SeparatedCosts, SeparatedCosts];
      stage.overheadInHalves = overheadOfPasses(forward.overhead, backward.overhead);
      return { forward: forward.costs, backward: backward.costs };
    }
    const of = (direction: Direction) =>
      halvedCosts(graph, sums[direction], { ...this.contextOf(stage, direction), ...cut });
    return { forward: of('forward'), backward: of('backward') };
  }

  /** What parts of a stage depend on in a pass, as far as that is known. */
  private contextOf({ overhead, jointGate = false }: PlannedStage, direction: Direction): ChunkContext {
    const context = { ...this.options.context, ...(overhead && { overhead }), jointGate };
    return direction === 'backward' ? ofBackward(context) : context;
  }
}
