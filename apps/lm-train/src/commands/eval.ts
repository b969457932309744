import {
  addOptions,
  count,
  runtimeOptions,
  type RuntimeOptions,
  say,
  type Terminal,
  trainable,
  wholeNumber,
} from '@scmoe/run';
import { Command } from 'commander';

import { loadData } from '../data/loadData.js';
import { evaluateLanguage } from '../evaluateLanguage.js';
import { openLanguageModel } from '../openLanguageModel.js';

interface EvalOptions extends RuntimeOptions {
  data?: string;
  split: 'train' | 'validation';
  evalBatches: number;
  batchSize?: number;
}

/** The command that measures a trained model. */
export function evalCommand(terminal: Terminal): Command {
  const command = new Command('eval')
    .description('Measure how well a trained model predicts text.')
    .argument('[checkpoint]', "checkpoint or run folder, or 'latest'", 'latest')
    .option('--data <path>', "text file or folder, all of it (default: the validation split of the run's data)")
    .option('--eval-batches <n>', 'batches, spread evenly over the text; 0: all of it', wholeNumber(0), 0)
    .option('--batch-size <n>', "sequences per batch (default: the run's)", wholeNumber(1));
  addOptions(command, runtimeOptions());
  return command.action(async (path: string, options: EvalOptions) => {
    const { model, tokenizer, settings } = await openLanguageModel(path, options, terminal);
    const data = await loadData({
      data: options.data ?? settings.data,
      tokenizer: tokenizer.description,
      // Text that is named here is all for measuring; only the run's own data has a part that was trained on.
      validationFraction: options.data === undefined ? settings.validationFraction : 1,
    });
    say(terminal, `data: ${data.line}`);
    const { batchSize = settings.batchSize, evalBatches } = options;
    const shape = { batchSize, sequenceLength: settings.sequenceLength, evalBatches };
    const { loss, metrics, weight } = await evaluateLanguage(trainable(model), data.validation, shape);
    const numbers = [
      `loss ${loss.toFixed(4)}`,
      `perplexity ${Math.exp(loss).toFixed(3)}`,
      `bits per byte ${metrics['bitsPerByte']!.toFixed(4)}`,
      `tokens ${count(weight)}`,
    ];
    say(terminal, numbers.join('  '));
  });
}
