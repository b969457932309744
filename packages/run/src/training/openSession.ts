import {
  type CheckpointWriter,
  createRunFolder,
  type JsonObject,
  lockRun,
  openCheckpointWriter,
  type RunFolder,
  runFolderOf,
  type RunLock,
  setAsideCheckpoints,
} from '@scmoe/trainer';

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
  /** The right to write there. */
  lock: RunLock | undefined;
  /** What saves there. */
  writer: CheckpointWriter | undefined;
  stop: StopSignal;
  recorder: Recorder;
  /** Says in one line what goes wrong, on rank 0. */
  alarm: (line: string) => void;
  progress: Progress;
  close(): Promise<void>;
}

/** Opens the run's folder and all that is shown and written while it trains. */
export async function openSession(start: Start, { settings }: PlannedRun, stop: StopSignal): Promise<Session> {
  const { program, options, ranks, restarts, checkpoint, step: startStep } = start;
  const { terminal } = ranks;
  const config = settingsToJson(settings, settingGroups(program));
  const isChief = ranks.rank === 0;
  const opened = checkpoint ? runFolderOf(checkpoint.path) : undefined;
  const folder = isChief ? (opened ?? (await createRunFolder(options.runDir, options.name, config))) : undefined;
  const lock = folder && (await lockRun(folder.path));
  if (lock?.takenOverFrom) say(terminal, `taken over from a process that is gone: ${lock.takenOverFrom}`);
  if (folder && checkpoint) {
    const aside = await setAsideCheckpoints(folder.checkpointsFolder, startStep);
    if (aside) say(terminal, `checkpoints after step ${startStep} are in ${aside} now`);
  }
  if (folder) await restarts.remember(folder.path);
  // Before the line that says where the run is: whoever has read it may interrupt.
  stop.listen({
    minutes: settings.minutes,
    onSignal: (name, atTerminal) =>
      say(terminal, '', `${name}: stopping after this step${atTerminal ? '; a second Ctrl-C ends at once' : ''}.`),
  });
  if (folder) say(terminal, `run: ${folder.path}${checkpoint ? `, resumed at step ${startStep}` : ''}`);

  const recorder = folder
    ? openRecorder(folder, startStep, (problem) => terminal.err.write(`${program.name}: ${problem} The run goes on.\n`))
    : noRecorder;
  const { steps, keep, keepBest, keepEvery } = settings;
  const retention = { keep, keepBest, keepEvery };
  const onSaved = ({ step }: { step: number }) => restarts.tell(step);
  const writer = folder && openCheckpointWriter(folder.checkpointsFolder, { ...retention, onSaved });
  const display = { startStep, steps, unit: program.samples.unit, bar: options.progress };
  const progress = isChief ? showProgress(terminal, display) : noProgress;
  return {
    config,
    folder,
    lock,
    writer,
    stop,
    recorder,
    alarm: (line) => {
      if (isChief) terminal.err.write(`${program.name}: alarm: ${line}\n`);
    },
    progress,
    close: async () => {
      progress.stop();
      recorder.close();
      await writer?.close();
    },
  };
}
