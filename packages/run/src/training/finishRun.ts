import { join } from 'node:path';

import { checkpointName } from '@scmoe/trainer';

import { say } from '../cli/Terminal.js';
import { commandName } from '../report/commandName.js';
import type { Parts } from './buildParts.js';
import { openModel } from './openModel.js';
import type { Session } from './openSession.js';
import type { Start } from './openStart.js';
import type { PlannedRun } from './planRun.js';
import type { Outcome } from './trainSession.js';

/**
 * Says what has become of the run and how to go on.
 *
 * @returns the exit code: 0 for a run that is complete or whose time is up, 130 for one that was interrupted
 */
export async function finishRun(
  { program, options, ranks, restarts }: Start,
  { settings }: PlannedRun,
  parts: Parts,
  { folder, stop }: Session,
  outcome: Outcome,
): Promise<number> {
  const { terminal, groups } = ranks;
  const { step, finished } = outcome;
  const { overlap, data, unitsPerStep } = parts;
  await overlap?.close();
  const validation = finished ? (outcome.validation ?? (await parts.validate())) : undefined;
  const reason = stop.reason() ?? 'interrupted';
  const exitCode = finished || reason === 'time' ? 0 : 130;
  if (!folder) return exitCode;

  await restarts.forget();
  const saved = join(folder.checkpointsFolder, checkpointName(step));
  if (!validation) {
    const why = reason === 'time' ? 'The time is up' : 'Interrupted';
    say(terminal, `${why} after step ${step} of ${settings.steps}; saved: ${saved}`);
    say(terminal, `go on:    ${commandName(program.name)} train --resume ${folder.path}`);
    return exitCode;
  }
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
    terminal,
  });
  return exitCode;
}
