import type { Command } from 'commander';

import type { Ranks } from '../ranks/joinRanks.js';
import { buildParts } from './buildParts.js';
import { finishRun } from './finishRun.js';
import { openData } from './openData.js';
import { openSession } from './openSession.js';
import { openStart } from './openStart.js';
import { planRun } from './planRun.js';
import type { TrainCommandOptions } from './TrainCommandOptions.js';
import type { TrainingProgram } from './TrainingProgram.js';
import { trainSession } from './trainSession.js';

/**
 * Trains a model, or goes on with one, from the options of a `train` command to the report at the end. Every rank calls it.
 *
 * @returns the exit code: 0 for a run that is complete or whose time is up, 130 for one that was interrupted
 * @throws UserError for what its user can mend
 */
export async function runTraining(
  program: TrainingProgram,
  command: Command,
  options: TrainCommandOptions,
  ranks: Ranks,
): Promise<number> {
  const start = await openStart(program, command, options, ranks);
  const data = await openData(start);
  try {
    const parts = await buildParts(start, data);
    const plan = await planRun(start, parts);
    const session = await openSession(start, plan);
    const outcome = await trainSession(start, plan, parts, session).finally(() => session.close());
    return await finishRun(start, plan, parts, session, outcome);
  } finally {
    await data.close?.();
  }
}
