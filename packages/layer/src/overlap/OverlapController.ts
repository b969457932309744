import {
  agreeOnPlans,
  choosePlans,
  median,
  type ChosenPlans,
  type NetworkGap,
  type PlanChoice,
  type StageCosts,
} from '@scmoe/scheduler';

import { backwardGaps } from './backwardGaps.js';
import { broadcastText } from './broadcastText.js';
import { ExpertLoad } from './ExpertLoad.js';
import { FollowedPlans } from './FollowedPlans.js';
import { gradientEvents } from './gradientEvents.js';
import { GradientPlacer, type GradientPlacementReport } from './GradientPlacer.js';
import { ObservationSchedule } from './ObservationSchedule.js';
import type { OverlapOptions } from './OverlapOptions.js';
import { overlapSettings, type OverlapSettings } from './overlapSettings.js';
import { plannedGraphs, type PlannedGraphs, type PlannedStage } from './PlannedStage.js';
import { StageCostBook } from './StageCostBook.js';
import type { StageExecution } from './StageExecution.js';
import type { StageReport } from './StageReport.js';
import { StepRecorder, type StepEvent } from './StepRecorder.js';
import { stageTimes, type StageTimes } from './stageTimes.js';
import { systemClock } from './systemClock.js';

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
  private readonly settings: OverlapSettings;
  private readonly plans: FollowedPlans;
  private readonly book: StageCostBook;
  private readonly schedule: ObservationSchedule;
  private readonly recorder: StepRecorder;
  private readonly placer: GradientPlacer;
  private readonly stages = new Map<number, PlannedStage>();
  /** Stages that the micro-batch under way has begun, and what was seen of this step before it: undefined where that is not clear. */
  private readonly begun = new Set<number>();
  private stepEvents: readonly StepEvent[] | undefined = [];
  /** Steps of the measurement under way, and of the last complete one under the present plans. */
  private observed: (readonly StepEvent[])[] = [];
  private measured: (readonly StepEvent[])[] = [];
  /** What steps of the measurement under way took, by the clock. */
  private stepMs: number[] = [];
  private lastDoneMs: number | undefined;
  private hasChosen = false;
  private isFirstStep = true;

  /** @throws ArgumentError for an option out of range, or a split where nothing overlaps */
  constructor(options: OverlapOptions = {}) {
    const settings = overlapSettings(options);
    this.settings = settings;
    this.plans = new FollowedPlans(settings);
    this.recorder = new StepRecorder(settings);
    this.placer = new GradientPlacer(settings.placeGradients, settings.world);
    this.book = new StageCostBook(settings);
    this.schedule = new ObservationSchedule(settings.schedule);
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
    const isMeasured = this.settings.observes && this.settings.mode !== 'off' && this.schedule.isObserving;
    const isObserved = training && (isMeasured || this.settings.onStep !== undefined);
    // A record of exchanges holds the last ones only: what a step has of micro-batches is taken one by one.
    if (isObserved && this.begun.has(index)) this.collect();
    if (isObserved) this.begun.add(index);
    const stage = this.stages.get(index) ?? {};
    this.stages.set(index, stage);
    if (training && numTokens !== undefined) stage.numTokens = numTokens;
    if (jointGate !== undefined) stage.jointGate = jointGate;
    const choice = continues && this.settings.mode === 'auto' ? null : this.plans.choiceOf(stage, training);
    const { halves, ...cut } = this.plans.cutOf(choice);
    const backward = training ? this.plans.backwardOf(choice) : undefined;
    const recorder = isObserved ? this.recorder.observer(index) : undefined;
    const observer = training ? this.placer.observer(index, recorder) : undefined;
    return {
      ...cut,
      ...(backward && { backwardChunks: backward.chunks, backwardExpertChunks: backward.expertChunks }),
      ...(backward?.order && { backwardOrder: backward.order }),
      ...(halves === 2 && !continues && this.settings.split && { split: this.settings.split }),
      plan: (operators) => this.plans.planOf(stage, operators, choice),
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
    const { onStep } = this.settings;
    const wasObserved = this.schedule.isObserving;
    const events = wasObserved || onStep ? this.takeStep() : undefined;
    if (events && events.length > 0) onStep?.([...events, ...gradientEvents(this.settings.world, events[0]!.beginMs)]);
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
    if (
      !this.settings.observes ||
      this.settings.mode === 'off' ||
      !(isMeasured || (isFirst && this.settings.mode === 'auto'))
    )
      return false;
    const stages = plannedGraphs(this.stages);
    if (isMeasured && stages.length > 0 && !(await this.allHaveSeen())) {
      // Plans stay as they are: what nobody has seen has not taken zero.
      this.stepMs = [];
      return false;
    }
    if (isMeasured && this.countsLoad()) await this.measureLoads(stages);
    const costs = isMeasured
      ? await this.book.measured(stages, this.measured, (stage) => this.plans.passCuts(stage))
      : this.book.known(stages);
    const changed = this.settings.mode === 'auto' && (await this.choose(costs));
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

  /** Takes what was written down of a micro-batch, with its exchanges. */
  private collect(): void {
    const events = this.recorder.take(this.settings.experts?.flightRecord().entries);
    this.stepEvents = events && this.stepEvents && [...this.stepEvents, ...events];
    this.begun.clear();
  }

  private takeStep(): readonly StepEvent[] | undefined {
    this.collect();
    const events = this.stepEvents;
    this.stepEvents = [];
    return events;
  }

  /** Whether each rank has seen a step of the last measurement, in which the exchanges could be told apart. */
  private async allHaveSeen(): Promise<boolean> {
    const { world } = this.settings;
    const own = Int32Array.of(this.measured.length);
    return (world ? await world.allGather(own).done : own).every((steps) => steps > 0);
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
      const choice = this.plans.choiceOf(planned, true);
      const { predictedMs, sequentialMs } = planned.plans ?? {};
      const totalMs = times.length > 0 ? of('totalMs') : undefined;
      return {
        stage,
        slot: choice?.slot ?? null,
        ...this.plans.cutOf(choice),
        ...(choice?.order && { order: choice.order }),
        ...(this.plans.backwardOf(choice) && { backward: this.plans.backwardOf(choice)! }),
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
    return (
      this.settings.mode === 'auto' &&
      (this.settings.context.expertsPerRank ?? 1) > 1 &&
      this.settings.fixed.expertChunks !== 1
    );
  }

  /** The gaps of all stages, by their numbers. */
  private gaps(stages: PlannedGraphs, costs: ReadonlyMap<number, StageCosts>): (readonly NetworkGap[])[] {
    const gaps: (readonly NetworkGap[])[] = Array.from({ length: Math.max(0, ...this.stages.keys()) + 1 }, () => []);
    for (const [index, { graph, overhead, overheadInHalves, jointGate, expertShares }] of stages) {
      const choice = this.plans.choiceOf(this.stages.get(index)!, true);
      const order = choice?.order && { order: choice.order };
      const { backward, inHalves } = costs.get(index)!;
      gaps[index] = backwardGaps(graph, backward, {
        ...this.settings.context,
        ...{ choice, jointGate, expertShares, inHalves: inHalves?.backward, overheadInHalves },
        ...(overhead && { overhead }),
        cut: { ...this.plans.cutOf(choice), ...(this.plans.backwardOf(choice) ?? order) },
      });
    }
    return gaps;
  }

  private loadOf(stage: PlannedStage): ExpertLoad {
    return (stage.load ??= new ExpertLoad());
  }

  private async measureLoads(stages: PlannedGraphs): Promise<void> {
    for (const [, stage] of stages) {
      const shares = await this.loadOf(stage).shares(this.settings.world, this.settings.context.expertsPerRank!);
      if (shares) stage.expertShares = shares;
    }
  }

  /** Follows what rank 0 chooses by its costs. */
  private async choose(costs: Map<number, StageCosts> | undefined): Promise<boolean> {
    const { world } = this.settings;
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
      ...this.settings.context,
      ...(overhead && { overhead }),
      overheadInHalves,
      ...(jointGate !== undefined && { jointGate }),
      ...(expertShares && { expertShares }),
      // As far as chunks of the tokens, or halves, are chosen at all.
      maxChunks: 4,
      maxHalves: numTokens >= this.settings.leastSplitTokens ? 2 : 1,
      current,
      measuredMs: times.length > 0 ? median(times) : undefined,
    });
  }
}

function isSame(one: PlanChoice, other: PlanChoice | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
