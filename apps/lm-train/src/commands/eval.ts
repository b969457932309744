import { Command } from 'commander';

import { loadData } from '../data/loadData.js';
import { trainable } from '../model/createModel.js';
import { wholeNumber } from '../options/parsers.js';
import { addRuntimeOptions, type RuntimeOptions } from '../options/runtimeOptions.js';
import { count } from '../report/format.js';
import { startBackend } from '../run/backend.js';
import { evaluateLanguage } from '../run/evaluateLanguage.js';
import { openModel } from '../run/openModel.js';
import { say, type Terminal } from '../Terminal.js';

interface EvalOptions extends RuntimeOptions {
  data?: string;
  split: 'train' | 'validation';
  evalBatches: number;
  batchSize?: number;
}

export function evalCommand(terminal: Terminal): Command {
  const command = new Command('eval')
    .description('Measure how well a trained model predicts text.')
    .argument('[checkpoint]', "checkpoint or run folder, or 'latest'", 'latest')
    .option('--data <path>', "text file or folder, all of it (default: the validation split of the run's data)")
    .option('--eval-batches <n>', 'batches, spread evenly over the text; 0: all of it', wholeNumber(0), 0)
    .option('--batch-size <n>', "sequences per batch (default: the run's)", wholeNumber(1));
  addRuntimeOptions(command);
  return command.action(async (path: string, options: EvalOptions) => {
    say(terminal, await startBackend(options));
    const { gpt, tokenizer, settings, checkpoint } = await openModel(path, options.runDir);
    say(terminal, `checkpoint: ${checkpoint.path}`);
    const data = await loadData({
      data: options.data ?? settings.data,
      tokenizer: tokenizer.description,
      // Text that is named here is all for measuring; only the run's own data has a part that was trained on.
      validationFraction: options.data === undefined ? settings.validationFraction : 1,
    });
    say(terminal, `data: ${data.line}`);
    const quality = await evaluateLanguage(trainable(gpt), data.validation, {
      batchSize: options.batchSize ?? settings.batchSize,
      sequenceLength: settings.sequenceLength,
      maxBatches: options.evalBatches,
    });
    say(
      terminal,
      `loss ${quality.loss.toFixed(4)}  perplexity ${quality.perplexity.toFixed(3)}  bits per byte ${quality.bitsPerByte.toFixed(4)}  tokens ${count(quality.numTokens)}`,
    );
  });
}
