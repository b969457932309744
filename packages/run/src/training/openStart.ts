import { UserError } from '@scmoe/errors';
import type { CompileFunction } from '@scmoe/tensor';
import { type Checkpoint, checkAccumulate } from '@scmoe/trainer';
import type { Command } from 'commander';

import { openCheckpoint } from '../checkpoints/openCheckpoint.js';
import { say } from '../cli/Terminal.js';
import { checkSizes } from '../options/checkSizes.js';
import { checkStored } from '../options/checkStored.js';
import { defaultMinutes } from '../options/trainingOptions.js';
import { duration } from '../report/format.js';
import { resumedSettings, type RunSettings, settingsOf } from '../options/Settings.js';
import type { Ranks } from '../ranks/joinRanks.js';
import { openRestarts, type Restarts } from '../ranks/restarts.js';
import { startResumed } from './resumedBackend.js';
import { settingGroups } from './settingGroups.js';
import type { TrainCommandOptions } from './TrainCommandOptions.js';
import type { TrainingProgram } from './TrainingProgram.js';

/** Where a run starts: anew, or from a checkpoint. */
export interface Start {
  program: TrainingProgram;
  options: TrainCommandOptions;
  ranks: Ranks;
  restarts: Restarts;
  checkpoint: Checkpoint | undefined;
  /** Updates that the checkpoint has already done. */
  step: number;
  /** A restart of a run that has done all its steps: there is nothing left to do. */
  complete: boolean;
  settings: RunSettings & { accumulate: number };
  /** Makes one call of a function over tensors, where the backend can. */
  compile?: CompileFunction;
}

/**
 * Finds out where the run starts and with which settings, and starts the backend.
 *
 * @throws UserError for a checkpoint or settings that it can't start from
 */
export async function openStart(
  program: TrainingProgram,
  command: Command,
  options: TrainCommandOptions,
  ranks: Ranks,
): Promise<Start> {
  const { terminal, rank, data } = ranks;
  const restarts = openRestarts(options.runDir);
  const { checkpoint, isRestart } = await openCheckpoint(program, options, restarts, ranks);
  if (!isRestart && rank === 0) await restarts.remember(undefined);

  const groups = settingGroups(program);
  if (checkpoint) {
    checkStored(checkpoint, groups, program);
    checkSizes(checkpoint, groups);
  }
  const given = (name: string) => ![undefined, 'default'].includes(command.getOptionValueSource(name));
  const asked = settingsOf(command, groups);
  // A time that was asked for stands against a number of steps that was not.
  if (given('minutes') && !given('steps')) delete asked.steps;
  const settings = checkpoint
    ? resumedSettings(command, groups, checkpoint)
    : ((await program.completeSettings?.(asked, given)) ?? asked);
  // A time that the run was planned to have says nothing of one that has a number of steps now.
  const hadSteps = checkpoint?.index.config['steps'] !== undefined;
  if (checkpoint && settings.steps !== undefined && (hadSteps ? isRestart && !given('steps') : !given('minutes')))
    delete settings.minutes;
  const step = checkpoint?.index.step ?? 0;
  const { steps, minutes = defaultMinutes, elapsedSeconds = 0 } = settings;
  const complete = checkpoint !== undefined && (steps === undefined ? elapsedSeconds >= minutes * 60 : step >= steps);
  if (complete && !isRestart) {
    const [done, longer] =
      steps === undefined
        ? [`${duration(elapsedSeconds)} of ${duration(minutes * 60)}`, '--minutes <x>']
        : [`${step} of ${steps} steps`, '--steps <n>'];
    throw new UserError(`This run is complete: ${done}. ${longer} makes it longer.`);
  }
  const { accumulate = data.size } = settings;
  checkAccumulate(accumulate, data.size);

  const backend = { asked: options.backend, isGiven: given('backend'), trainedOn: checkpoint?.index.backend };
  const { lines, compile } = await startResumed(backend, { ...options, precision: settings.precision });
  say(terminal, ...lines, ...(ranks.line ? [ranks.line] : []));
  return {
    ...{ program, options, ranks, restarts, checkpoint, step, complete, settings: { ...settings, accumulate } },
    ...(compile && { compile }),
  };
}
