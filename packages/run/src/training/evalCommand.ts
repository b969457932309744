import { UserError } from '@scmoe/errors';
import type { EvaluationResult } from '@scmoe/trainer';
import { Command, type Option } from 'commander';

import type { MakeCommand } from '../cli/runCommandLine.js';
import { say, type Terminal } from '../cli/Terminal.js';
import { addOptions } from '../options/OptionGroup.js';
import { wholeNumber } from '../options/parsers.js';
import { runtimeOptions, type RuntimeOptions } from '../options/runtimeOptions.js';
import { count } from '../report/format.js';
import type { ExpertsElsewhere } from './ExpertsElsewhere.js';
import type { OpenedModel } from './openModel.js';
import { openTrainedModel } from './openTrainedModel.js';
import { trainable } from './trainable.js';
import type { ProgramTypes, TrainingProgram } from './TrainingProgram.js';

/** What is special to a program in its `eval` command. */
export interface EvalCommandOptions<Types extends ProgramTypes> {
  /** Help of the command: `Measure how well ...`. */
  description: string;
  /** Help of `--data`. */
  dataHelp: string;
  /** What the command takes beside runs of ours: `a folder of transformers, `. Default: nothing. */
  otherHelp?: string;
  /** Opens what is no run of ours; undefined where it is one. */
  openOther?: (path: string, options: RuntimeOptions, terminal: Terminal) => Promise<OpenedModel<Types> | undefined>;
  /**
   * Opens the data to measure on: those at a path that the command line names, or those of the run.
   *
   * @throws UserError when they can't be used with this model
   */
  openData: (opened: OpenedModel<Types>, path: string | undefined, terminal: Terminal) => Promise<Types['data']>;
  /** Further options, which `openOther` gets. Default: none. */
  options?: readonly Option[];
  /** What is shown between the loss and the number of samples: `top1 93.10 %`. */
  show: (result: EvaluationResult) => string[];
  /** Where the experts of a model may be beside its checkpoint. Default: nowhere. */
  experts?: ExpertsElsewhere;
}

interface CommandOptions extends RuntimeOptions {
  data?: string;
  evalBatches: number;
  batchSize?: number;
}

/** The `eval` command of a program, which measures a trained model as validation does in training. */
export function evalCommand<Types extends ProgramTypes>(
  program: TrainingProgram<Types>,
  {
    description,
    dataHelp,
    openData,
    openOther,
    otherHelp = '',
    show,
    experts: elsewhere,
    options: further = [],
  }: EvalCommandOptions<Types>,
): MakeCommand {
  const { name: samples, unit } = program.samples;
  return (terminal) => {
    const command = new Command('eval')
      .description(description)
      .argument('[checkpoint]', `checkpoint or run folder, ${otherHelp}or 'latest'`, 'latest')
      .option('--data <path>', dataHelp)
      .option('--eval-batches <n>', 'batches, spread evenly over the data; 0: all of them', wholeNumber(0), 0)
      .option('--batch-size <n>', `${samples} per batch (default: the run's)`, wholeNumber(1));
    for (const option of further) command.addOption(option);
    if (elsewhere) addOptions(command, elsewhere.options);
    addOptions(command, runtimeOptions());
    return command.action(async (path: string, options: CommandOptions) => {
      const experts = await elsewhere?.open(options);
      const other = await openOther?.(path, options, terminal);
      if (other && experts)
        throw new UserError(
          `${path}: expected a run or checkpoint of ${program.name} beside a store of experts, got another folder.`,
          { exitCode: 2 },
        );
      const trained = other ?? (await openTrainedModel(program, path, options, terminal, experts));
      const data = await openData(trained, options.data, terminal);
      say(terminal, `data: ${data.line}`);
      const { evalBatches, batchSize = trained.settings.batchSize } = options;
      const settings = { ...trained.settings, batchSize, evalBatches };
      const { measure }: TrainingProgram = program;
      const result = await program.evaluate(trainable(trained.model, { measure }), data, settings);
      const numbers = [`loss ${result.loss.toFixed(4)}`, ...show(result), `${unit} ${count(result.weight)}`];
      say(terminal, numbers.join('  '));
      if (experts) say(terminal, experts.summary());
      await data.close?.();
      await experts?.close();
    });
  };
}
