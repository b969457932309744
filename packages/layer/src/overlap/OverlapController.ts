import type { Communicator } from '@scmoe/comm';
import { expectPositiveInteger, expectThat } from '@scmoe/errors';
import {
  agreeOnSlots,
  chooseSlots,
  CostModel,
  median,
  sequentialPlan,
  type ChosenSlots,
  type CostKey,
  type OperatorGraph,
  type Plan,
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
  /** Number of exchanges in which the tokens travel, each way. Chunks, unlike slots, change last bits of expert gradients. */
  chunks?: number;
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
  observer?: PlanObserver;
}

/** What a stage follows in training, and what the last measurement of that found: medians. */
export interface StageReport extends Partial<StageTimes> {
  stage: number;
  /** The overlap slot; null: sequential. */
  slot: number | null;
  /** What the slot was chosen by; absent where it was given. */
  predictedMs?: number;
  sequentialMs?: number;
}

interface PlannedStage {
  /** Absent where nothing travels, or twice (DGMoE): such a stage runs sequentially. */
  graph?: OperatorGraph;
  slots?: ChosenSlots;
}

/**
 * Chooses the plan of every stage of a model by the times of its operators, measured in the first steps of training and
 * again from time to time. All ranks follow the plans that rank 0 chooses.
 *
 * The backward pass mirrors the forward pass, so that a slot in training is the best for both together; inference has its
 * own. A slot changes no bit of the outputs and gradients: a run can be repeated bit for bit although times differ. Chunks
 * are taken only where they are asked for.
 */
export class OverlapController {
  private readonly mode: OverlapMode;
  private readonly chunks: number;
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
    expectPositiveInteger('chunks', chunks);
    expectThat(Number.isInteger(warmupSteps) && warmupSteps >= 0, 'warmupSteps', 'an integer >= 0', warmupSteps);
    expectPositiveInteger('measuredSteps', measuredSteps);
    expectThat(Number.isInteger(refreshSteps) && refreshSteps >= 0, 'refreshSteps', 'an integer >= 0', refreshSteps);
    this.mode = mode;
    this.chunks = chunks;
    this.options = options;
    this.costs = costs;
    this.keyOfWork = { machine, shape };
    this.schedule = new ObservationSchedule({ warmupSteps, measuredSteps, refreshSteps });
  }

  /**
   * How stage number `index` of the model runs this pass.
   *
   * The plan throws ArgumentError where a slot was given that the stage does not have.
   */
  stage(index: number, { training = false }: { training?: boolean } = {}): StageExecution {
    const isMeasured = this.mode !== 'off' && this.schedule.isObserving;
    const isObserved = training && (isMeasured || this.options.onStep !== undefined);
    return {
      chunks: this.chunks,
      plan: (operators) => this.planOf(index, operators, training),
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
    return stages.map(([stage, { slots }]) => {
      const times = this.measured.map((events) => stageTimes(events, stage));
      const of = (name: keyof StageTimes) => median(times.map((time) => time[name]));
      const { mode } = this;
      return {
        stage,
        slot: typeof mode === 'number' ? mode : (slots?.training ?? null),
        ...(slots && { predictedMs: slots.predictedMs, sequentialMs: slots.sequentialMs }),
        ...(times.length > 0 && {
          totalMs: of('totalMs'),
          communicationMs: of('communicationMs'),
          exposedMs: of('exposedMs'),
        }),
      };
    });
  }

  private planOf<Values>(index: number, operators: readonly Operator<Values>[], training: boolean): Plan {
    let stage = this.stages.get(index);
    if (!stage) this.stages.set(index, (stage = { graph: plannable(operators) }));
    const { mode } = this;
    const slot = typeof mode === 'number' ? mode : stage.slots?.[training ? 'training' : 'inference'];
    return stage.graph && mode !== 'off' && typeof slot === 'number'
      ? overlapped(slot)(operators)
      : sequentialPlan(operators);
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
      costs.set(index, { forward, backward });
      for (const [direction, times] of Object.entries({ forward, backward })) {
        const key = { ...this.keyOfWork, direction: direction as 'forward' | 'backward' };
        for (const [name, ms] of Object.entries(times)) this.costs.record(key, `${index} ${name}`, ms);
      }
    }
    return costs;
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
    }
    return costs;
  }

  /** Follows what rank 0 chooses by its costs. */
  private async choose(costs: Map<number, StageCosts> | undefined): Promise<boolean> {
    const { world } = this.options;
    const graphs = this.plannedGraphs();
    const own =
      costs && graphs.map(([index, graph]) => chooseSlots(graph, costs.get(index)!, this.stages.get(index)!.slots));
    const all = graphs.map(([, graph]) => graph);
    const chosen = world ? await agreeOnSlots(all, own, (text) => broadcastText(world, text)) : own;
    if (!chosen) return false;
    let changed = !this.hasChosen && graphs.length > 0;
    this.hasChosen = true;
    graphs.forEach(([index], i) => {
      const stage = this.stages.get(index)!;
      const { training, inference } = chosen[i]!;
      changed ||= training !== stage.slots?.training || inference !== stage.slots.inference;
      stage.slots = chosen[i]!;
    });
    return changed;
  }

  private plannedGraphs(): [number, OperatorGraph][] {
    const stages = [...this.stages].sort(([a], [b]) => a - b);
    return stages.flatMap(([index, { graph }]): [number, OperatorGraph][] => (graph ? [[index, graph]] : []));
  }
}

/** What can be planned of a stage: one way through the experts, and something to do beside it. */
function plannable<Values>(operators: readonly Operator<Values>[]): OperatorGraph | undefined {
  const names = new Set(operators.filter(({ kind }) => kind === 'gate').map(({ name }) => name));
  if (names.size !== 1) return undefined;
  return operatorGraph(operators);
}
