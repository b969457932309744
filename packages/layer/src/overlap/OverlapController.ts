import { expectBoolean, expectOneOf, expectPositiveInteger, expectThat } from '@scmoe/errors';
import {
  agreeOnPlans,
  choosePlans,
  CostModel,
  median,
  sequentialPlan,
  uncut,
  type BackwardCut,
  type ChosenPlans,
  type ChunkContext,
  type ChunkCut,
  type NetworkGap,
  type OperatorGraph,
  type Plan,
  type PlanChoice,
  type StageCosts,
} from '@scmoe/scheduler';

import type { Operator } from '../plan/Operator.js';
import { overlapped } from '../plan/overlapped.js';
import { splitModes, type SplitMode } from '../split/SplitAxis.js';
import { broadcastText } from './broadcastText.js';
import { ExpertLoad } from './ExpertLoad.js';
import { backwardGaps } from './backwardGaps.js';
import { gradientEvents } from './gradientEvents.js';
import { GradientPlacer, type GradientPlacementReport } from './GradientPlacer.js';
import { systemClock } from './systemClock.js';
import { ObservationSchedule } from './ObservationSchedule.js';
import type { OverlapMode, OverlapOptions } from './OverlapOptions.js';
import { plannable, plannedGraphs, type PlannedGraphs, type PlannedStage } from './PlannedStage.js';
import { StageCostBook } from './StageCostBook.js';
import type { StageExecution } from './StageExecution.js';
import type { StageReport } from './StageReport.js';
import { StepRecorder, type StepEvent } from './StepRecorder.js';
import { stageTimes, type StageTimes } from './stageTimes.js';

/** What a controller is told of a pass. */
export interface StagePassInfo {
  /** Whether a gradient is taken of it. */
  training?: boolean;
  /** Whether it continues sequences, as decoding does. */
  continues?: boolean;
  /** Its tokens on this rank. */
  numTokens?: number;
  /** Whether the gate of the stage has to see the whole batch. */
  jointGate?: boolean;
}

/**
 * Chooses the plan of every stage of a model by the times of its operators, measured in the first steps of training and
 * again from time to time. All ranks follow the plans that rank 0 chooses.
 *
 * The backward pass mirrors the forward pass, so that a slot in training is the best for both together, but may have parts of its own;
 * inference has a plan of its own, by the forward times of training steps, which keep what gradients need and are longer than a pass
 * that doesn't, most in the experts. Neither a slot nor chunks of the experts change a bit of the outputs and gradients: a run can be repeated bit for bit
 * although times differ. Chunks of the tokens and halves are taken only where they are asked for. What a part costs on top of its
 * share is learned from the first steps in parts, and where steps take longer than predicted, the other plans are taken to be as
 * much off: a plan that loses against the sequential one is given up. Chunks of the experts go in the order that the router's counts
 * make the best one.
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
  /** Those of the backward pass that were given. */
  private readonly fixedBackward: Partial<BackwardCut>;
  private readonly split: SplitMode | undefined;
  private readonly leastSplitTokens: number;
  private readonly observes: boolean;
  private readonly options: Pick<OverlapOptions, 'world' | 'experts' | 'onStep'>;
  private readonly book: StageCostBook;
  private readonly schedule: ObservationSchedule;
  private readonly recorder: StepRecorder;
  private readonly stages = new Map<number, PlannedStage>();
  /** Steps of the measurement under way, and of the last complete one under the present plans. */
  private observed: StepEvent[][] = [];
  private measured: StepEvent[][] = [];
  private readonly placer: GradientPlacer;
  /** What steps of the measurement under way took, by the clock. */
  private stepMs: number[] = [];
  private lastDoneMs: number | undefined;
  private hasChosen = false;
  private isFirstStep = true;

  /** @throws ArgumentError for an option out of range, or a split where nothing overlaps */
  constructor({
    mode = 'auto',
    chunks = 1,
    expertChunks = mode === 'auto' ? 'auto' : 1,
    backwardChunks = chunks,
    backwardExpertChunks = expertChunks,
    backwardApart = true,
    placeGradients = 'auto',
    split = 'off',
    leastSplitTokens = 128,
    expertsPerRank = 1,
    observes = true,
    warmupSteps = 2,
    measuredSteps = 5,
    refreshSteps = 200,
    costs = new CostModel({ warmupSteps: 0 }),
    machine = 'unknown',
    shape = 'unknown',
    piecesOf,
    ...options
  }: OverlapOptions = {}) {
    const isSlot = typeof mode === 'number' && Number.isInteger(mode) && mode >= 0;
    expectThat(mode === 'auto' || mode === 'off' || isSlot, 'overlap', "'auto', 'off' or a slot >= 0", mode);
    for (const [name, number] of Object.entries({
      ...{ chunks, expertChunks, backwardChunks, backwardExpertChunks },
    })) {
      if (number !== 'auto') expectPositiveInteger(name, number);
    }
    expectOneOf('split', split, ['off', ...splitModes]);
    expectThat(mode !== 'off' || split === 'off' || split === 'auto', 'split', "'off' where overlap is off", split);
    expectOneOf('placeGradients', placeGradients, ['auto', 'on', 'off']);
    expectThat(
      placeGradients !== 'on' || (observes && mode !== 'off'),
      'placeGradients',
      "'auto' or 'off' where overlap is off, or steps are not observed",
      placeGradients,
    );
    expectPositiveInteger('leastSplitTokens', leastSplitTokens);
    expectPositiveInteger('expertsPerRank', expertsPerRank);
    expectThat(Number.isInteger(warmupSteps) && warmupSteps >= 0, 'warmupSteps', 'an integer >= 0', warmupSteps);
    expectPositiveInteger('measuredSteps', measuredSteps);
    expectThat(Number.isInteger(refreshSteps) && refreshSteps >= 0, 'refreshSteps', 'an integer >= 0', refreshSteps);
    expectBoolean('observes', observes);
    expectThat(observes || options.onStep === undefined, 'onStep', 'none where steps are not observed', options.onStep);
    this.mode = mode;
    this.observes = observes;
    this.fixed = {
      ...(chunks !== 'auto' && { chunks }),
      ...(expertChunks !== 'auto' && { expertChunks }),
      ...(split !== 'auto' && { halves: split === 'off' ? 1 : 2 }),
    };
    this.split = split === 'off' ? undefined : split;
    this.leastSplitTokens = leastSplitTokens;
    const isGiven = (number: number | 'auto') => number !== 'auto' && backwardApart;
    this.fixedBackward = {
      ...(isGiven(backwardChunks) && { chunks: backwardChunks as number }),
      ...(isGiven(backwardExpertChunks) && { expertChunks: backwardExpertChunks as number }),
    };
    const isApart = backwardApart && observes && mode === 'auto';
    this.context = { expertsPerRank, fixed: this.fixed, ...(isApart && { ownBackward: this.fixedBackward }) };
    this.options = options;
    this.recorder = new StepRecorder({ piecesOf });
    this.placer = new GradientPlacer(placeGradients, options.world);
    this.book = new StageCostBook({ costs, key: { machine, shape }, context: this.context, world: options.world });
    this.schedule = new ObservationSchedule({ warmupSteps, measuredSteps, refreshSteps });
  }

  /**
   * How stage number `index` of the model runs this pass. One that `continues` sequences is sequential, unless a slot was
   * given, and never in halves.
   *
   * The plan throws ArgumentError where a slot was given that the stage does not have.
   */
  stage(
    index: number,
    { training = false, continues = false, numTokens, jointGate }: StagePassInfo = {},
  ): StageExecution {
    const isMeasured = this.observes && this.mode !== 'off' && this.schedule.isObserving;
    const isObserved = training && (isMeasured || this.options.onStep !== undefined);
    const stage = this.stages.get(index) ?? {};
    this.stages.set(index, stage);
    if (training && numTokens !== undefined) stage.numTokens = numTokens;
    if (jointGate !== undefined) stage.jointGate = jointGate;
    const choice = continues && this.mode === 'auto' ? null : this.choiceOf(stage, training);
    const { halves, ...cut } = this.cutOf(choice);
    const backward = training ? this.backwardOf(choice) : undefined;
    const recorder = isObserved ? this.recorder.observer(index) : undefined;
    const observer = training ? this.placer.observer(index, recorder) : undefined;
    return {
      ...cut,
      ...(backward && { backwardChunks: backward.chunks, backwardExpertChunks: backward.expertChunks }),
      ...(backward?.order && { backwardOrder: backward.order }),
      ...(halves === 2 && !continues && this.split && { split: this.split }),
      plan: (operators) => this.planOf(stage, operators, choice),
      ...(observer && { observer }),
      ...(training && isMeasured && this.countsLoad() && { onRouting: (routing) => this.loadOf(stage).add(routing) }),
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
    if (events && events.length > 0)
      onStep?.([...events, ...(this.placer.isPlaced ? gradientEvents(this.options.world, events[0]!.beginMs) : [])]);
    const now = systemClock();
    if (wasObserved && this.lastDoneMs !== undefined) this.stepMs.push(now - this.lastDoneMs);
    this.lastDoneMs = now;
    // Nobody watches where nothing is to be chosen: no events are no times of zero.
    if (wasObserved && events && events.length > 0) this.observed.push(events);
    const isMeasured = this.schedule.stepDone();
    if (isMeasured) {
      this.measured = this.observed;
      this.observed = [];
    }
    const isFirst = this.isFirstStep;
    this.isFirstStep = false;
    if (!this.observes || this.mode === 'off' || !(isMeasured || (isFirst && this.mode === 'auto'))) return false;
    const stages = plannedGraphs(this.stages);
    if (isMeasured && this.countsLoad()) await this.measureLoads(stages);
    const cutOf = (stage: PlannedStage) => {
      const choice = this.choiceOf(stage, true);
      const forward = this.cutOf(choice);
      return { forward, backward: { ...forward, ...this.backwardOf(choice) } };
    };
    const costs = isMeasured ? await this.book.measured(stages, this.measured, cutOf) : this.book.known(stages);
    const changed = this.mode === 'auto' && (await this.choose(costs));
    if (changed) this.placer.restart();
    const stepMs = this.stepMs.length > 0 ? median(this.stepMs) : undefined;
    if (isMeasured) this.stepMs = [];
    const isPlacedAnew = isMeasured && !changed && (await this.placer.measured(this.gaps(stages, costs!), stepMs));
    if (isPlacedAnew) {
      this.schedule.restart(1);
      this.observed = [];
    }
    if (changed) {
      // What comes of the new plans is observed as well. The first step under them is not like the others.
      this.schedule.restart(1);
      this.observed = [];
      this.measured = [];
    }
    return changed;
  }

  /** When gradients are averaged: `pacing` of the trainer's options. */
  get pacing(): GradientPlacer['pacing'] {
    return this.placer.pacing;
  }

  /** Parts of the gradients that the last step has sent in gaps between exchanges. */
  get numPlacedParts(): number {
    return this.placer.numPlaced;
  }

  /** What became of the averaging of gradients. */
  gradients(): GradientPlacementReport {
    return this.placer.report();
  }

  /** Every stage whose tokens travel. */
  report(): StageReport[] {
    return plannedGraphs(this.stages).map(([stage, planned]) => {
      const times = this.measured.map((events) => stageTimes(events, stage));
      const of = (name: keyof StageTimes) => median(times.map((time) => time[name]));
      const choice = this.choiceOf(planned, true);
      const { predictedMs, sequentialMs } = planned.plans ?? {};
      const totalMs = times.length > 0 ? of('totalMs') : undefined;
      return {
        stage,
        slot: choice?.slot ?? null,
        ...this.cutOf(choice),
        ...(choice?.order && { order: choice.order }),
        ...(this.backwardOf(choice) && { backward: this.backwardOf(choice)! }),
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

  /** Chunks of the experts, where they are chosen, go in the order of what they have to do. */
  private countsLoad(): boolean {
    return this.mode === 'auto' && (this.context.expertsPerRank ?? 1) > 1 && this.fixed.expertChunks !== 1;
  }

  /** The gaps of all stages, by their numbers. */
  private gaps(stages: PlannedGraphs, costs: ReadonlyMap<number, StageCosts>): (readonly NetworkGap[])[] {
    const gaps: (readonly NetworkGap[])[] = Array.from({ length: Math.max(0, ...this.stages.keys()) + 1 }, () => []);
    for (const [index, { graph, overhead, overheadInHalves, jointGate, expertShares }] of stages) {
      const choice = this.choiceOf(this.stages.get(index)!, true);
      const order = choice?.order && { order: choice.order };
      const { backward, inHalves } = costs.get(index)!;
      gaps[index] = backwardGaps(graph, backward, {
        ...this.context,
        ...{ choice, jointGate, expertShares, inHalves: inHalves?.backward, overheadInHalves },
        ...(overhead && { overhead }),
        cut: { ...this.cutOf(choice), ...(this.backwardOf(choice) ?? order) },
      });
    }
    return gaps;
  }

  private loadOf(stage: PlannedStage): ExpertLoad {
    return (stage.load ??= new ExpertLoad());
  }

  private async measureLoads(stages: PlannedGraphs): Promise<void> {
    for (const [, stage] of stages) {
      const shares = await this.loadOf(stage).shares(this.options.world, this.context.expertsPerRank!);
      if (shares) stage.expertShares = shares;
    }
  }

  private planOf<Values>(stage: PlannedStage, operators: readonly Operator<Values>[], choice: PlanChoice): Plan {
    if (!('graph' in stage)) stage.graph = plannable(operators);
    const { mode } = this;
    if (stage.graph && typeof mode === 'number') {
      const { numSlots } = stage.graph;
      expectThat(
        mode < numSlots,
        'overlap',
        `'auto', 'off' or a slot that a stage has, 0 to ${numSlots - 1} here`,
        mode,
      );
    }
    if (!stage.graph || !choice) return sequentialPlan(operators);
    const slot = mode === 'auto' && !this.observes ? middleOf(stage.graph) : choice.slot;
    return overlapped(slot, choice)(operators);
  }

  private choiceOf({ plans, graph }: PlannedStage, training: boolean): PlanChoice {
    const { mode } = this;
    if (mode === 'auto' && !this.observes) return { slot: graph ? middleOf(graph) : 0, ...uncut, ...this.fixed };
    if (typeof mode === 'number') return { slot: mode, ...uncut, ...this.fixed };
    return (mode === 'auto' && plans?.[training ? 'training' : 'inference']) || null;
  }

  /** The number of parts in which the rows travel, as they were chosen, or given. */
  private cutOf(choice: PlanChoice): ChunkCut {
    const { chunks, expertChunks, halves } = { ...uncut, ...this.fixed, ...choice };
    return { chunks, expertChunks, halves };
  }

  /** The parts of the backward pass, where they are others: as they were chosen, or given. */
  private backwardOf(choice: PlanChoice): BackwardCut | undefined {
    const forward = this.cutOf(choice);
    const isPlanned = this.mode === 'auto' && choice !== null;
    const { chunks, expertChunks, order } = { ...forward, ...(isPlanned ? choice.backward : this.fixedBackward) };
    if (chunks === forward.chunks && expertChunks === forward.expertChunks) return undefined;
    return { chunks, expertChunks, ...(order && { order }) };
  }

  /** Follows what rank 0 chooses by its costs. */
  private async choose(costs: Map<number, StageCosts> | undefined): Promise<boolean> {
    const { world } = this.options;
    const stages = plannedGraphs(this.stages);
    const own = costs && stages.map(([index, stage]) => this.chosenBy(costs.get(index)!, index, stage));
    const graphs = stages.map(([, { graph }]) => graph);
    const chosen = world ? await agreeOnPlans(graphs, own, (text) => broadcastText(world, text)) : own;
    if (!chosen) return false;
    let changed = !this.hasChosen && stages.length > 0;
    this.hasChosen = true;
    stages.forEach(([, stage], i) => {
      const { training, inference } = chosen[i]!;
      changed ||= !isSame(training, stage.plans?.training) || !isSame(inference, stage.plans?.inference);
      stage.plans = chosen[i]!;
    });
    return changed;
  }

  private chosenBy(costs: StageCosts, index: number, stage: PlannedGraphs[number][1]): ChosenPlans {
    const { graph, plans: current, overhead, overheadInHalves, numTokens = Infinity, jointGate, expertShares } = stage;
    const times = this.measured.map((events) => stageTimes(events, index).totalMs);
    return choosePlans(graph, costs, {
      ...this.context,
      ...(overhead && { overhead }),
      overheadInHalves,
      ...(jointGate !== undefined && { jointGate }),
      ...(expertShares && { expertShares }),
      // As far as chunks of the tokens, or halves, are chosen at all.
      maxChunks: 4,
      maxHalves: numTokens >= this.leastSplitTokens ? 2 : 1,
      current,
      measuredMs: times.length > 0 ? median(times) : undefined,
    });
  }
}

/** The slot with as much to do while tokens travel there as while they travel back. */
function middleOf({ numSlots }: OperatorGraph): number {
  return Math.floor((numSlots - 1) / 2);
}

function isSame(one: PlanChoice, other: PlanChoice | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
