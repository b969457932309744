import { setTimeout } from 'node:timers/promises';

import { CommError } from '@scmoe/comm';
import { Command } from 'commander';

import type { MakeCommand } from '../cli/runCommandLine.js';
import { addOptions } from '../options/OptionGroup.js';
import { folderName } from '../options/parsers.js';
import { memoryOptions } from '../options/memoryOptions.js';
import { rankOptions } from '../options/rankOptions.js';
import { runtimeOptions } from '../options/runtimeOptions.js';
import { asUserError, joinRanks, type Ranks } from '../ranks/joinRanks.js';
import { outliveOutput } from './outliveOutput.js';
import { runTraining } from './runTraining.js';
import { settingGroups } from './settingGroups.js';
import { stopSignal } from './stopSignal.js';
import type { TrainCommandOptions } from './TrainCommandOptions.js';
import type { ProgramTypes, TrainingProgram } from './TrainingProgram.js';

/** How long a rank at most stays that has failed by what another did: until the launcher has seen that one end, and ends this one. */
const lastToGoMs = 5000;

/** A command that trains, under another name. */
export interface TrainCommandForm<Settings> {
  /** Default: `train`. */
  name?: string;
  description?: string;
  /** Checks what was asked for before anything is read. @throws UserError */
  check?: (options: Partial<Settings>, isResumed: boolean) => void;
}

/** The `train` command of a program: its own options and those that every program has. */
export function trainCommand<Types extends ProgramTypes>(
  program: TrainingProgram<Types>,
  {
    name = 'train',
    description = 'Train a model, or go on with one.',
    check,
  }: TrainCommandForm<Types['settings']> = {},
): MakeCommand {
  return (terminal, setExitCode) => {
    const command = new Command(name)
      .description(description)
      .option('--name <name>', 'first part of the name of the run folder', folderName, program.runName)
      .option('--resume [path]', "go on from a checkpoint or run folder; alone or with 'latest': from the newest run")
      .option('--allow-new-data', 'resume even though the data changed; the run is not the same run any more')
      .option('--fallback', 'when the checkpoint to resume is damaged, take the newest whole one before it')
      .option('--no-progress', 'plain lines instead of a progress bar')
      .option(
        '--no-compile',
        'operation by operation: on backend tensorflow instead of steps that are recorded and compiled by XLA, on scmoe of passes that ' +
          'are captured, with the same bits',
      );
    const groups = [...settingGroups(program), ...(program.flags ? [program.flags] : [])];
    for (const group of [...groups, runtimeOptions(), memoryOptions(), rankOptions()]) addOptions(command, group);
    return command.action(async (options: TrainCommandOptions) => {
      check?.(options as unknown as Partial<Types['settings']>, options.resume !== undefined);
      const stop = stopSignal();
      outliveOutput(terminal, program.name, stop);
      let ranks: Ranks | undefined;
      let failedByOthers = false;
      try {
        ranks = await joinRanks(options, terminal);
        setExitCode(await runTraining(program, command, options, ranks, stop));
      } catch (error) {
        failedByOthers = isByOthers(error) || isByOthers((error as Error).cause);
        throw asUserError(error);
      } finally {
        // After a failure too: ranks that fail for the same reason then leave together, each with its own words.
        await ranks?.close();
        // A launcher names the rank that ends first: that should be one which has failed by itself.
        if (failedByOthers) await setTimeout(lastToGoMs, undefined, { signal: stop.signal }).catch(() => undefined);
        // A process that was told to end does so with that status, whatever comes while it goes.
        const reason = stop.reason();
        if (reason === undefined || reason === 'time') stop.dispose();
      }
    });
  };
}

/** Not where there is nothing to communicate with here: each rank finds that out by itself. */
function isByOthers(error: unknown): boolean {
  return error instanceof CommError && error.code !== 'SCMOE_COMM_UNAVAILABLE';
}
