import { join } from 'node:path';

import { signalStatus } from '@scmoe/comm/launch';
import { checkpointName } from '@scmoe/trainer';

import { say } from '../cli/Terminal.js';
import { commandNameOnRanks } from '../report/commandName.js';
import { duration } from '../report/format.js';
import type { Parts } from './buildParts.js';
import { openModel } from './openModel.js';
import type { Session } from './openSession.js';
import type { Start } from './openStart.js';
import type { PlannedRun } from './planRun.js';
import type { Outcome } from './trainSession.js';

/**
 * Says what has become of the run and how to go on.
 *
 * @returns the exit code: 0 for a run that is complete or whose time is up, 128 and the number of the signal that ended it
 */
export async function finishRun(
  { program, options, ranks, restarts }: Start,
  { settings, clock }: PlannedRun,
  parts: Parts,
  { folder, checkpoints, stop, recorder }: Session,
  outcome: Outcome,
): Promise<number> {
  const { terminal, groups } = ranks;
  const { step, finished, reason } = outcome;
  const { overlap, data, unitsPerStep } = parts;
  await overlap?.close();
  const validation = finished ? (outcome.validation ?? (await parts.validate())) : undefined;
  // What is missing of the metrics is no reason to stop, but a failure in the end.
  const incomplete = recorder.problem();
  const exitCode = reason === undefined || reason === 'time' ? Number(incomplete !== undefined) : signalStatus(reason);
  if (!folder) return exitCode;
  if (incomplete) terminal.err.write(`${program.name}: the metrics are incomplete: ${incomplete}\n`);
  // All is saved: nobody has to wait for a report to end it.
  if (finished) stop.dispose();

  if (!validation) {
    const saved = join(checkpoints.folder!, checkpointName(step));
    const others = settings.checkpoints === 'local' && groups ? ', the part of rank 0: each has its own' : '';

    const why = reason === 'time' ? 'The time is up' : `Interrupted by ${reason}`;
    const done = clock
      ? `${step}, ${duration(outcome.elapsedSeconds)} of ${duration(clock.totalSeconds)}`
      : `${step} of ${settings.steps}`;
    say(terminal, `${why} after step ${done}; saved: ${saved}${others}`);
    say(terminal, `go on:    ${commandNameOnRanks(program.name)} train --resume ${folder.path}`);
    await restarts.forget();
    return exitCode;
  }
  const saved = join(folder.checkpointsFolder, checkpointName(step));
  await program.report({
    name: program.name,
    // The others are done: this rank shows the whole model, averaged where that is asked for, which the checkpoint has.
    model: groups || settings.averageDecay > 0 ? (await openModel(program, saved, options.runDir)).model : parts.model,
    data,
    settings,
    flags: options,
    folder,
    saved,
    ...outcome,
    validation,
    unit: program.samples.unit,
    unitsPerStep,
    stages: groups ? (overlap?.controller.report() ?? []) : [],
    ...(groups && overlap && { gradients: overlap.controller.gradients() }),
    terminal,
  });
  // Only now: a restart after a failure in the report finds the last checkpoint, and that all is done.
  await restarts.forget();
  return exitCode;
}
