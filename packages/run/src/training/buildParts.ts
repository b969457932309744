import { dispatchOver, expertShares, type TensorSchedule } from '@scmoe/layer';
import {
  AveragedOptimizer,
  type Batch,
  type EvaluationResult,
  type Optimizer,
  type RankGroups,
  type StepExecution,
  type Trainable,
} from '@scmoe/trainer';

import { say, type Terminal } from '../cli/Terminal.js';
import { numValues } from '../options/checkSizes.js';
import { askedBackwardParts } from '../overlap/expectBackwardParts.js';
import { openOverlap, type Overlap } from '../overlap/openOverlap.js';
import { type MemoryPlan, planMemory } from '../memory/planMemory.js';
import { chooseSchedules, type ScheduleContext } from '../ranks/chooseSchedules.js';
import { modelLines } from '../report/modelLines.js';
import { buildModel } from './buildModel.js';
import { createOptimizer } from './createOptimizer.js';
import { chooseExecution, isCompiled } from './chooseExecution.js';
import { expectTrainingFits } from './expectTrainingFits.js';
import type { Start } from './openStart.js';
import { RouterMonitor } from './alarms/RouterMonitor.js';
import { createBalancer, type RouterBalancer } from './RouterBalancer.js';
import type { RunModel } from './RunModel.js';
import { trainable } from './trainable.js';
import type { RunData } from './TrainingProgram.js';
import { restoreState } from './trainingState.js';

/** What a training loop is made of. */
export interface Parts {
  data: RunData;
  model: RunModel;
  /** The model as the trainer sees it. */
  trained: Trainable;
  optimizer: Optimizer;
  /** How the parts of a step compute. */
  execution: StepExecution;
  balancer: RouterBalancer;
  monitor: RouterMonitor;
  /** What says how stages execute; undefined where no tokens travel and no trace is wanted. */
  overlap: Overlap | undefined;
  /** What is computed twice, and what of memory is predicted of it. */
  memory: MemoryPlan;
  drawBatch: (index: number) => Batch;
  /** Every rank calls it. */
  validate(): Promise<EvaluationResult>;
  /** Tokens or images of an update, on all ranks. */
  unitsPerStep: number;
}

/**
 * Makes the model and all that trains it, as a checkpoint has them or fresh.
 *
 * @throws UserError for settings that can't be combined, and for a checkpoint of another model
 */
export async function buildParts(start: Start, data: RunData): Promise<Parts> {
  const { program, options, ranks, checkpoint, settings } = start;
  const { groups, terminal } = ranks;
  const model = buildModel(program, settings, data.description, {
    seed: settings.seed,
    experts: groups && { rank: groups.experts.rank, size: groups.experts.size, shards: groups.expertShards },
    tensor: groups?.tensor,
    ...(checkpoint && { maxValues: numValues(checkpoint) }),
  });
  const { numExperts } = model;
  const drawBatch = program.drawBatch(data, settings, ranks.data);
  const drawOwn = () => drawBatch(ranks.data.rank);
  const schedule = await scheduleOf(options, { model, groups, drawBatch: drawOwn }, terminal);
  // Where each rank has all experts nothing travels, and no row counts are asked for.
  const { dispatcher, tensor } =
    groups && (groups.experts.size > 1 || groups.tensor)
      ? dispatchOver(groups, { numExperts, schedule })
      : { dispatcher: undefined, tensor: undefined };
  const optimizer = createOptimizer(settings, { groups, numExperts });
  const isRecorded = isCompiled(start, optimizer, numExperts);
  const context = { name: program.name, settings, groups, numExperts, isRecorded, schedule };
  const overlap = await openOverlap(options, context);
  const balancer = createBalancer(model, settings);
  const monitor = new RouterMonitor(model.routerNames);
  if (checkpoint) restoreState({ model, optimizer, groups }, checkpoint);
  else await program.initialize?.(model, settings, data.description, terminal);
  const objective = await program.objective?.(model, settings, {
    described: data.description,
    isFresh: checkpoint === undefined,
    terminal,
  });
  const own = { variables: model.variables, loss: (objective ?? model).loss.bind(objective ?? model) };
  const { unit } = program.samples;
  const unitsPerStep = settings.batchSize * settings.accumulate * program.samples.unitsEach(settings);
  const { line, flopsPerUnit, leastBytesPerUnit } = program.describe(model, settings);
  expectTrainingFits(model, settings, { unit, unitsEach: program.samples.unitsEach(settings), leastBytesPerUnit });
  if (groups && numExperts > 0) say(terminal, ...sharesLine(numExperts, groups.experts.size / groups.expertShards));
  say(terminal, ...modelLines(model, line, { unit, unitsPerStep, flopsPerUnit }));
  const memory = await planMemory(
    options,
    {
      trained: (given) => trainable(own, { ...(dispatcher && { dispatcher }), ...(tensor && { tensor }), ...given }),
      buffers: model.buffers,
      optimizer,
      freshOptimizer: (dry) => createOptimizer(settings, { groups: dry, numExperts }),
      drawBatch: drawOwn,
      microBatches: settings.accumulate / ranks.data.size,
      numExperts,
      groups,
      schedule,
      savesWhole: settings.checkpoints !== 'local',
    },
    terminal,
  );
  const trained = trainable(own, {
    dispatcher,
    tensor,
    overlap: overlap?.controller,
    ...memory.recompute,
    balancer,
    monitor,
    measure: program.measure,
  });

  const { execution, lines } = chooseExecution(start, trained, { optimizer, numExperts });
  say(terminal, ...lines);
  const evaluated = { ...trained, loss: execution.evaluation };
  const evaluate = () => program.evaluate(evaluated, data, settings, groups?.data);

  return {
    data,
    model,
    trained,
    optimizer,
    execution,
    balancer,
    monitor,
    overlap,
    memory,
    drawBatch,
    validate: () =>
      optimizer instanceof AveragedOptimizer ? optimizer.withAverages(model.variables, evaluate) : evaluate(),
    unitsPerStep,
  };
}

/** How the tokens of a tensor-parallel group come to the experts of each stage. */
async function scheduleOf(
  options: Start['options'],
  { groups, model, drawBatch }: Omit<ScheduleContext, 'groups'> & { groups: RankGroups | undefined },
  terminal: Terminal,
): Promise<TensorSchedule | readonly TensorSchedule[]> {
  const { tensorSchedule } = options;
  if (tensorSchedule !== 'auto') return tensorSchedule;
  if (!groups?.tensor || model.numExperts === 0) return 's1';
  const hasOwnBackward = askedBackwardParts(options).length > 0;
  const { schedules, lines } = await chooseSchedules({ groups, model, drawBatch, hasOwnBackward });
  say(terminal, ...lines);
  return schedules;
}

/** What the ranks have of the experts, where they can't have as many each. */
function sharesLine(numExperts: number, ranks: number): string[] {
  if (numExperts % ranks === 0) return [];
  const shares = expertShares(numExperts, ranks);
  return [`experts: ${numExperts} on ${ranks} ranks, ${shares.join(', ')}: a step waits for those with most`];
}
