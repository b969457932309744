import { type JsonObject, type RunFolder, type RunLock } from '@scmoe/trainer';

import { openLocalCheckpoints } from '../checkpoints/openLocalCheckpoints.js';
import { openSharedCheckpoints } from '../checkpoints/openSharedCheckpoints.js';
import { openOwnFolder } from '../checkpoints/openOwnFolder.js';
import type { RunCheckpoints } from '../checkpoints/RunCheckpoints.js';
import { say } from '../cli/Terminal.js';
import { settingsToJson } from '../options/Settings.js';
import { noProgress, type Progress, showProgress } from '../report/progress.js';
import { noRecorder, openRecorder, type Recorder } from './openRecorder.js';
import type { Start } from './openStart.js';
import type { PlannedRun } from './planRun.js';
import { settingGroups } from './settingGroups.js';
import type { StopSignal } from './stopSignal.js';

/** What is open while a run trains. */
export interface Session {
  /** The settings as checkpoints keep them. */
  config: JsonObject;
  /** The folder of the run, on rank 0 alone: the others write nothing. */
  folder: RunFolder | undefined;
  /** The right to write where this rank writes. */
  lock: RunLock | undefined;
  checkpoints: RunCheckpoints;
  stop: StopSignal;
  recorder: Recorder;
  /** Says in one line what goes wrong, on rank 0. */
  alarm: (line: string) => void;
  progress: Progress;
  close(): Promise<void>;
}

/** Opens the run's folder and all that is shown and written while it trains. */
export async function openSession(start: Start, { settings, clock }: PlannedRun, stop: StopSignal): Promise<Session> {
  const { program, options, ranks, restarts, checkpoint, step: startStep } = start;
  const { terminal } = ranks;
  const config = settingsToJson(settings, settingGroups(program));
  const isChief = ranks.rank === 0;
  const local = settings.checkpoints === 'local' && ranks.groups !== undefined;
  const { run, lock } = await openOwnFolder(start, { config, local });
  const folder = isChief ? run : undefined;
  if (folder) await restarts.remember(folder.path);
  // That all ranks have their parts of it is known only now.
  if (folder && local && checkpoint) await restarts.tell(startStep);
  // Before the line that says where the run is: whoever has read it may interrupt.
  stop.listen({
    minutes: clock ? undefined : settings.minutes,
    onSignal: (name, atTerminal) =>
      say(terminal, '', `${name}: stopping after this step${atTerminal ? '; a second Ctrl-C ends at once' : ''}.`),
  });
  if (folder) say(terminal, `run: ${folder.path}${checkpoint ? `, resumed at step ${startStep}` : ''}`);

  const recorder = folder
    ? openRecorder(folder, startStep, (problem) => terminal.err.write(`${program.name}: ${problem} The run goes on.\n`))
    : noRecorder;
  const { keep, keepBest, keepEvery } = settings;
  const saving = {
    ...{ keep, keepBest, keepEvery },
    onSaved: ({ step }: { step: number }) => (isChief ? restarts.tell(step) : undefined),
    checkOwner: () => lock?.check(),
  };
  const checkpoints = local
    ? openLocalCheckpoints(run!.checkpointsFolder, ranks.groups!, saving)
    : openSharedCheckpoints(run?.checkpointsFolder, ranks.groups, saving);
  const length = clock ?? { steps: settings.steps! };
  const display = { startStep, length, unit: program.samples.unit, bar: options.progress };
  const progress = isChief ? showProgress(terminal, display) : noProgress;
  return {
    config,
    folder,
    lock,
    checkpoints,
    stop,
    recorder,
    alarm: (line) => {
      if (isChief) terminal.err.write(`${program.name}: alarm: ${line}\n`);
    },
    progress,
    close: async () => {
      progress.stop();
      recorder.close();
      await checkpoints.close();
    },
  };
}
