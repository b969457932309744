import type { Command } from 'commander';

import type { Ranks } from '../ranks/joinRanks.js';
import { buildParts } from './buildParts.js';
import { finishRun } from './finishRun.js';
import { leaveComplete } from './leaveComplete.js';
import { openData } from './openData.js';
import { openSession } from './openSession.js';
import { openStart } from './openStart.js';
import { planRun } from './planRun.js';
import type { StopSignal } from './stopSignal.js';
import type { TrainCommandOptions } from './TrainCommandOptions.js';
import type { TrainingProgram } from './TrainingProgram.js';
import { trainSession } from './trainSession.js';

/**
 * Trains a model, or goes on with one, from the options of a `train` command to the report at the end. Every rank calls it.
 *
 * @param stop is listened to once there is something to save; its signals are the caller's to give back
 * @returns the exit code: 0 for a run that is complete or whose time is up, 128 and the number of the signal that ended it
 * @throws UserError for what its user can mend
 */
export async function runTraining(
  program: TrainingProgram,
  command: Command,
  options: TrainCommandOptions,
  ranks: Ranks,
  stop: StopSignal,
): Promise<number> {
  const start = await openStart(program, command, options, ranks);
  if (start.complete) return leaveComplete(start);
  const data = await openData(start);
  try {
    const parts = await buildParts(start, data);
    try {
      const plan = await planRun(start, parts);
      const session = await openSession(start, plan, stop);
      try {
        const outcome = await trainSession(start, plan, parts, session).finally(() => session.close());
        return await finishRun(start, plan, parts, session, outcome);
      } finally {
        session.lock?.release();
      }
    } finally {
      parts.execution.dispose();
    }
  } finally {
    await data.close?.();
  }
}
