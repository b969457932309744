import { UserError } from '@scmoe/errors';
import { type Checkpoint, checkAccumulate, findCheckpoint, findLatestCheckpoint, loadCheckpoint } from '@scmoe/trainer';
import type { Command } from 'commander';

import { say, type Terminal } from '../cli/Terminal.js';
import { checkStored } from '../options/checkStored.js';
import { resumedSettings, type RunSettings, settingsOf } from '../options/Settings.js';
import type { Ranks } from '../ranks/joinRanks.js';
import { openRestarts, type Restarts } from '../ranks/restarts.js';
import { settingGroups } from './settingGroups.js';
import { startBackend } from './startBackend.js';
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
  const { terminal, rank, size } = ranks;
  const restarts = openRestarts(options.runDir);
  const earlier = await restarts.lastCheckpoint();
  if (earlier) say(terminal, `restart ${restarts.count}: going on from ${earlier}`);
  else if (rank === 0) await restarts.remember(undefined);
  // Nobody is there to be asked at a restart: it takes the newest checkpoint that is whole.
  const source = earlier ? { ...options, resume: earlier, fallback: true } : options;
  const checkpoint = await openCheckpoint(source, terminal);

  const groups = settingGroups(program);
  if (checkpoint) checkStored(checkpoint, groups);
  const asked = settingsOf(command, groups);
  const given = (name: string) => ![undefined, 'default'].includes(command.getOptionValueSource(name));
  const settings = checkpoint
    ? resumedSettings(command, groups, checkpoint)
    : ((await program.completeSettings?.(asked, given)) ?? asked);
  // A time without a number of steps was for planning them, which the first start has done.
  if (earlier && asked.steps === undefined) delete settings.minutes;
  const step = checkpoint?.index.step ?? 0;
  const complete = settings.steps !== undefined && step >= settings.steps;
  if (complete && !earlier) {
    throw new UserError(`This run is complete: ${step} of ${settings.steps} steps. --steps <n> makes it longer.`);
  }
  const { accumulate = size } = settings;
  checkAccumulate(accumulate, size);

  const backend = await startBackend({ ...options, precision: settings.precision });
  say(terminal, backend, ...(ranks.line ? [ranks.line] : []));
  return { program, options, ranks, restarts, checkpoint, step, complete, settings: { ...settings, accumulate } };
}

async function openCheckpoint(
  { resume, runDir, fallback }: TrainCommandOptions,
  terminal: Terminal,
): Promise<Checkpoint | undefined> {
  if (resume === undefined) return undefined;
  const path =
    resume === true || resume === 'latest' ? await findLatestCheckpoint(runDir) : await findCheckpoint(resume);
  return loadCheckpoint(path, {
    ...(fallback && {
      fallback: (problem: UserError) => say(terminal, `${problem.message} Taking the one before it.`),
    }),
  });
}
