import {
  accuracies,
  addOptions,
  count,
  runtimeOptions,
  type RuntimeOptions,
  say,
  type Terminal,
  trainable,
  wholeNumber,
} from '@scmoe/run';
import { UserError } from '@scmoe/errors';
import { Command } from 'commander';

import { loadPictures } from '../data/loadPictures.js';
import { evaluateVision } from '../evaluateVision.js';
import { openVisionModel } from '../openVisionModel.js';

interface EvalOptions extends RuntimeOptions {
  data?: string;
  evalBatches: number;
  batchSize?: number;
}

/** The command that measures a trained model. */
export function evalCommand(terminal: Terminal): Command {
  const command = new Command('eval')
    .description('Measure how well a trained model classifies pictures.')
    .argument('[checkpoint]', "checkpoint or run folder, or 'latest'", 'latest')
    .option('--data <path>', "pictures with the run's classes, of which the test part counts (default: the run's data)")
    .option('--eval-batches <n>', 'batches, spread evenly over the pictures; 0: all of them', wholeNumber(0), 0)
    .option('--batch-size <n>', "pictures per batch (default: the run's)", wholeNumber(1));
  addOptions(command, runtimeOptions());
  return command.action(async (path: string, options: EvalOptions) => {
    const { model, settings, described } = await openVisionModel(path, options, terminal);
    const data = await loadPictures({ ...settings, data: options.data ?? settings.data }, terminal, {
      earlier: described,
    });
    say(terminal, `data: ${data.line}`);
    const [expected, got] = [described, data.described].map(({ classNames }) => classNames.join(', '));
    if (got !== expected)
      throw new UserError(`The data have other classes than the model: expected ${expected}, got ${got}.`);
    const { batchSize = settings.batchSize, evalBatches } = options;
    const shape = { ...described, imageSize: settings.imageSize, batchSize, evalBatches };
    const measured = trainable(model, { measure: accuracies });
    const { loss, metrics, weight } = await evaluateVision(measured, data.validation, shape);
    const shares = Object.entries(metrics).map(([name, share]) => `${name} ${(100 * share).toFixed(2)} %`);
    say(terminal, [`loss ${loss.toFixed(4)}`, ...shares, `pictures ${count(weight)}`].join('  '));
    await data.close!();
  });
}
