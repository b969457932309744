import type { Communicator } from '@scmoe/comm';
import { expectPositiveInteger, expectThat } from '@scmoe/errors';
import {
  agreeOnPlans,
  choosePlans,
  CostModel,
  median,
  separateParts,
  sequentialPlan,
  wholeCosts,
  type ChosenPlans,
  type ChunkContext,
  type ChunkCut,
  type ChunkOverhead,
  type CostKey,
  type OperatorCosts,
  type OperatorGraph,
  type Plan,
  type PlanChoice,
  type StageCosts,
} from '@scmoe/scheduler';

import type { Operator } from '../plan/Operator.js';
import { operatorGraph, overlapped } from '../plan/overlapped.js';
import type { PlanObserver } from '../plan/PlanObserver.js';
import { broadcastText } from './broadcastText.js';
import { gatherCosts } from './gatherCosts.js';
import { stageTimes, operatorCosts, type StageTimes } from './stageTimes.js';
import { ObservationSchedule } from './ObservationSchedule.js';
import { StepRecorder, type StepEvent } from './StepRecorder.js';

/**
 * Which plan is followed. `auto`: the best slot by measured times; `off`: sequential; a number: that slot, in every
 * stage.
 */
export type OverlapMode = 'auto' | 'off' | number;

/** How plans are chosen, by whom, and from what. */
export interface OverlapOptions {
  mode?: OverlapMode;
  /**
   * Number of chunks of the tokens, or `auto`: 1 to 4, chosen with the slot. These, unlike slots and chunks of the experts, change
   * last bits of expert gradients.
   */
  chunks?: number | 'auto';
  /** Number of chunks of each rank's experts, which changes no bit; by default chosen with the slot, where that is chosen. */
  expertChunks?: number | 'auto';
  /** Experts that each rank holds. Default 1, which can't be cut. */
  expertsPerRank?: number;
  /** The ranks that have to follow one plan; by default this one alone. */
  world?: Communicator;
  /** Where the tokens travel: it knows how long the exchanges took. */
  experts?: Communicator;
  /** Steps before the first that is measured. */
  warmupSteps?: number;
  /** Steps that make a measurement. */
  measuredSteps?: number;
  /** Steps between two measurements, after which the plans may change; 0: never again. */
  refreshSteps?: number;
  /** Times of earlier runs, and where those of this one go. Rank 0's count. */
  costs?: CostModel;
  /** What the times depend on: machine, threads, precision, number of ranks. */
  machine?: string;
  /** The work of a step: size of the batch and the stages. */
  shape?: string;
  /** Hears of every training step from now on, on this rank; all steps are then observed. */
  onStep?: (events: readonly StepEvent[]) => void;
}

/** How a stage runs one pass: options of runPair, runBlock and their like. */
export interface StageExecution {
  /** Orders the stage's operators. */
  plan: <Values>(operators: readonly Operator<Values>[]) => Plan;
  chunks: number;
  /** Parts of each rank's experts; 1 where there is none. */
  expertChunks?: number;
  observer?: PlanObserver;
}

/** What a stage follows in training, and what the last measurement of that found: medians. */
export interface StageReport extends Partial<StageTimes> {
  stage: number;
  /** The overlap slot; null: sequential. */
  slot: number | null;
  chunks: number;
  expertChunks: number;
  /** What the plan was chosen by; absent where it was given. */
  predictedMs?: number;
  sequentialMs?: number;
  /** How much longer steps took than was predicted, as a share of that; absent where either is unknown. */
  predictionError?: number;
}

interface PlannedStage {
  /** Absent where nothing travels, or twice (DGMoE): such a stage runs sequentially. */
  graph?: OperatorGraph;
  plans?: ChosenPlans;
  /** Times in one part, when that was last measured or known. */
  whole?: StageCosts;
  /** What a part costs on top of its share of the work, once there were parts. */
  overhead?: ChunkOverhead;
}

/**
 * Chooses the plan of every stage of a model by the times of its operators, measured in the first steps of training and
 * again from time to time. All ranks follow the plans that rank 0 chooses.
 *
 * The backward pass mirrors the forward pass, so that a plan in training is the best for both together; inference has its
 * own. Neither a slot nor chunks of the experts change a bit of the outputs and gradients: a run can be repeated bit for bit
 * although times differ. Chunks of the tokens are taken only where they are asked for. What a part costs on top of its share is
 * learned from the first steps in parts, and where steps take longer than predicted, the other plans are taken to be as much off:
 * a plan that loses against the sequential one is given up.
 *
 * A pass that continues sequences, such as decoding, runs sequentially: the measured times say nothing of its few tokens, and
 * what there is to hide is latency, of which chunks pay more. Whether it does is the same on all ranks; how many tokens each has
 * is not.
 */
export class OverlapController {
  private readonly mode: OverlapMode;
  /** Numbers of parts that were given. */
  private readonly fixed: Partial<ChunkCut>;
  private readonly context: ChunkContext;
  private readonly options: Pick<OverlapOptions, 'world' | 'experts' | 'onStep'>;
  private readonly costs: CostModel;
  private readonly keyOfWork: Pick<CostKey, 'machine' | 'shape'>;
  private readonly schedule: ObservationSchedule;
  private readonly recorder = new StepRecorder();
  private readonly stages = new Map<number, PlannedStage>();
  /** Steps of the measurement under way, and of the last complete one under the present plans. */
  private observed: StepEvent[][] = [];
  private measured: StepEvent[][] = [];
  private hasChosen = false;
  private isFirstStep = true;

  /** @throws ArgumentError for an option out of range */
  constructor({
    mode = 'auto',
    chunks = 1,
    expertChunks = mode === 'auto' ? 'auto' : 1,
    expertsPerRank = 1,
    warmupSteps = 2,
    measuredSteps = 5,
    refreshSteps = 200,
    costs = new CostModel({ warmupSteps: 0 }),
    machine = 'unknown',
    shape = 'unknown',
    ...options
  }: OverlapOptions = {}) {
    const isSlot = typeof mode === 'number' && Number.isInteger(mode) && mode >= 0;
    expectThat(mode === 'auto' || mode === 'off' || isSlot, 'overlap', "'auto', 'off' or a slot >= 0", mode);
    for (const [name, number] of Object.entries({ chunks, expertChunks })) {
      if (number !== 'auto') expectPositiveInteger(name, number);
    }
    expectPositiveInteger('expertsPerRank', expertsPerRank);
    expectThat(Number.isInteger(warmupSteps) && warmupSteps >= 0, 'warmupSteps', 'an integer >= 0', warmupSteps);
    expectPositiveInteger('measuredSteps', measuredSteps);
    expectThat(Number.isInteger(refreshSteps) && refreshSteps >= 0, 'refreshSteps', 'an integer >= 0', refreshSteps);
    this.mode = mode;
    this.fixed = {
      ...(chunks !== 'auto' && { chunks }),
      ...(expertChunks !== 'auto' && { expertChunks }),
    };
    this.context = { expertsPerRank, fixed: this.fixed };
    this.options = options;
    this.costs = costs;
    this.keyOfWork = { machine, shape };
    this.schedule = new ObservationSchedule({ warmupSteps, measuredSteps, refreshSteps });
  }

  /**
   * How stage number `index` of the model runs this pass. One that `continues` sequences is sequential, unless a slot was
   * given.
   *
   * The plan throws ArgumentError where a slot was given that the stage does not have.
   */
  stage(
    index: number,
    { training = false, continues = false }: { training?: boolean; continues?: boolean } = {},
  ): StageExecution {
    const isMeasured = this.mode !== 'off' && this.schedule.isObserving;
    const isObserved = training && (isMeasured || this.options.onStep !== undefined);
    const stage = this.stages.get(index) ?? {};
    this.stages.set(index, stage);
    const choice = continues && this.mode === 'auto' ? null : this.choiceOf(stage, training);
    return {
      ...this.cutOf(choice),
      plan: (operators) => this.planOf(stage, operators, choice),
      ...(isObserved && { observer: this.recorder.observer(index) }),
    };
  }

  /**
   * Ends a training step: to be called after each one, by all ranks of the world.
   *
   * @returns whether a plan is another one now
   * @throws CommError where another rank failed
   */
  async stepDone(): Promise<boolean> {
    const { experts, onStep } = this.options;
    const wasObserved = this.schedule.isObserving;
    const events = wasObserved || onStep ? this.recorder.take(experts?.flightRecord().entries) : undefined;
    if (events && events.length > 0) onStep?.(events);
    // Nobody watches where nothing is to be chosen: no events are no times of zero.
    if (wasObserved && events && events.length > 0) this.observed.push(events);
    const isMeasured = this.schedule.stepDone();
    if (isMeasured) {
      this.measured = this.observed;
      this.observed = [];
    }
    const isFirst = this.isFirstStep;
    this.isFirstStep = false;
    if (this.mode !== 'auto' || !(isMeasured || isFirst)) return false;
    const changed = await this.choose(isMeasured ? await this.measuredCosts() : this.knownCosts());
    if (changed) {
      // What comes of the new plans is observed as well. The first step under them is not like the others.
      this.schedule.restart(1);
      this.observed = [];
      this.measured = [];
    }
    return changed;
  }

  /** Every stage whose tokens travel. */
  report(): StageReport[] {
    const stages = [...this.stages].filter(([, { graph }]) => graph).sort(([a], [b]) => a - b);
    return stages.map(([stage, planned]) => {
      const times = this.measured.map((events) => stageTimes(events, stage));
      const of = (name: keyof StageTimes) => median(times.map((time) => time[name]));
      const choice = this.choiceOf(planned, true);
      const { predictedMs, sequentialMs } = planned.plans ?? {};
      const totalMs = times.length > 0 ? of('totalMs') : undefined;
      return {
        stage,
        slot: choice?.slot ?? null,
        ...this.cutOf(choice),
        ...(predictedMs !== undefined && { predictedMs, sequentialMs }),
        ...(totalMs !== undefined && {
          totalMs,
          communicationMs: of('communicationMs'),
          exposedMs: of('exposedMs'),
        }),
        ...(predictedMs && totalMs !== undefined && { predictionError: totalMs / predictedMs - 1 }),
      };
    });
  }

  private planOf<Values>(stage: PlannedStage, operators: readonly Operator<Values>[], choice: PlanChoice): Plan {
    if (!('graph' in stage)) stage.graph = plannable(operators);
    return stage.graph && choice ? overlapped(choice.slot, choice)(operators) : sequentialPlan(operators);
  }

  private choiceOf({ plans }: PlannedStage, training: boolean): PlanChoice {
    const { mode } = this;
    if (typeof mode === 'number') return { slot: mode, ...uncut, ...this.fixed };
    return (mode === 'auto' && plans?.[training ? 'training' : 'inference']) || null;
  }

  /** The number of parts in which the rows travel, as they were chosen, or given. */
  private cutOf(choice: PlanChoice): ChunkCut {
    const { chunks, expertChunks } = { ...uncut, ...this.fixed, ...choice };
    return { chunks, expertChunks };
  }

  /** Medians of what was observed, over all ranks. */
  private async measuredCosts(): Promise<Map<number, StageCosts>> {
    const costs = new Map<number, StageCosts>();
    for (const [index, graph] of this.plannedGraphs()) {
      const of = (phase: 'forward' | 'backward') => {
        const steps = this.measured.map((events) => operatorCosts(events, index, phase, graph));
        return Object.fromEntries(graph.names.map((name) => [name, median(steps.map((step) => step[name]!))]));
      };
      const [forward, backward] = [
        await gatherCosts(this.options.world, graph, of('forward')),
        await gatherCosts(this.options.world, graph, of('backward')),
      ];
      const inOnePart = this.inOnePart(index, graph, { forward, backward });
      costs.set(index, inOnePart);
      for (const [direction, times] of Object.entries({ ...inOnePart })) {
        const key = { ...this.keyOfWork, direction: direction as 'forward' | 'backward' };
        for (const [name, ms] of Object.entries(times)) this.costs.record(key, `${index} ${name}`, ms);
      }
    }
    return costs;
  }

  /** What was measured as it would be in one part; what a part costs besides is remembered. */
  private inOnePart(index: number, graph: OperatorGraph, sums: StageCosts): StageCosts {
    const stage = this.stages.get(index)!;
    const cut = this.cutOf(this.choiceOf(stage, true));
    const numParts = cut.chunks * cut.expertChunks;
    if (numParts === 1) return (stage.whole = sums);
    const { whole } = stage;
    if (!whole) {
      const of = (times: OperatorCosts) => wholeCosts(graph, times, { ...this.context, ...cut });
      return { forward: of(sums.forward), backward: of(sums.backward) };
    }
    const forward = separateParts(graph, whole.forward, sums.forward, numParts);
    const backward = separateParts(graph, whole.backward, sums.backward, numParts);
    const mean = (name: keyof ChunkOverhead) => (forward.overhead[name] + backward.overhead[name]) / 2;
    stage.overhead = { computeMs: mean('computeMs'), communicationMs: mean('communicationMs') };
    return { forward: forward.costs, backward: backward.costs };
  }

  /** Times of earlier runs, where there are some of every stage. */
  private knownCosts(): Map<number, StageCosts> | undefined {
    const costs = new Map<number, StageCosts>();
    for (const [index, graph] of this.plannedGraphs()) {
      const of = (direction: 'forward' | 'backward') => {
        const entries = graph.names.map(
          (name) => [name, this.costs.costOf({ ...this.keyOfWork, direction }, `${index} ${name}`)] as const,
        );
        return entries.some(([, cost]) => cost === undefined)
          ? undefined
          : (Object.fromEntries(entries) as Record<string, number>);
      };
      const [forward, backward] = [of('forward'), of('backward')];
      if (!forward || !backward) return undefined;
      costs.set(index, { forward, backward });
      this.stages.get(index)!.whole = { forward, backward };
    }
    return costs;
  }

  /** Follows what rank 0 chooses by its costs. */
  private async choose(costs: Map<number, StageCosts> | undefined): Promise<boolean> {
    const { world } = this.options;
    const graphs = this.plannedGraphs();
    const own = costs && graphs.map(([index, graph]) => this.chosenBy(costs.get(index)!, index, graph));
    const all = graphs.map(([, graph]) => graph);
    const chosen = world ? await agreeOnPlans(all, own, (text) => broadcastText(world, text)) : own;
    if (!chosen) return false;
    let changed = !this.hasChosen && graphs.length > 0;
    this.hasChosen = true;
    graphs.forEach(([index], i) => {
      const stage = this.stages.get(index)!;
      const { training, inference } = chosen[i]!;
      changed ||= !isSame(training, stage.plans?.training) || !isSame(inference, stage.plans?.inference);
      stage.plans = chosen[i]!;
    });
    return changed;
  }

  private chosenBy(costs: StageCosts, index: number, graph: OperatorGraph): ChosenPlans {
    const { plans: current, overhead } = this.stages.get(index)!;
    const times = this.measured.map((events) => stageTimes(events, index).totalMs);
    return choosePlans(graph, costs, {
      ...this.context,
      ...(overhead && { overhead }),
      // As far as chunks of the tokens are chosen at all.
      maxChunks: 4,
      current,
      measuredMs: times.length > 0 ? median(times) : undefined,
    });
  }

  private plannedGraphs(): [number, OperatorGraph][] {
    const stages = [...this.stages].sort(([a], [b]) => a - b);
    return stages.flatMap(([index, { graph }]): [number, OperatorGraph][] => (graph ? [[index, graph]] : []));
  }
}

const uncut: ChunkCut = { chunks: 1, expertChunks: 1 };

function isSame(one: PlanChoice, other: PlanChoice | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** What can be planned of a stage: one way through the experts, and something to do beside it. */
function plannable<Values>(operators: readonly Operator<Values>[]): OperatorGraph | undefined {
  const names = new Set(operators.filter(({ kind }) => kind === 'gate').map(({ name }) => name));
  if (names.size !== 1) return undefined;
  return operatorGraph(operators);
}
