import type { Terminal } from '@scmoe/comm/launch';
import {
  compareContenders,
  describeCut,
  drawTimeline,
  formatMs,
  machineShare,
  type ComparisonRow,
} from '@scmoe/scheduler';
import { Command } from 'commander';

import { writePicture } from './files.js';
import { machineCases, machineOptions, type MachineCase } from './machineCases.js';
import { oneOf, pictureFile, stageNames, wholeNumber } from './parsers.js';
import { planRow } from './planRow.js';
import { predictedTraces } from './predictedTraces.js';
import type { SimulateOptions } from './SimulateOptions.js';
import { percent, table } from './table.js';

/** `scmoe simulate`: predicted times, hidden fractions and speed-ups. */
export function simulateCommand(terminal: Terminal): Command {
  return machineOptions(new Command('simulate'))
    .description(
      'Predicts step time, hidden communication and speed-up of every kind of stage, on a cluster that is described.',
    )
    .option('--mode <train|infer>', 'forward, backward and update, or forward alone', oneOf('train', 'infer'), 'train')
    .option(
      '--max-chunks <n>',
      'chunks that a stage may cut its tokens into; 1 leaves the experts whole too',
      wholeNumber(1, 64),
      1,
    )
    .option('--stage <kind>', 'add a plan of your own: its stage (pos2, longcat, ...)', stageNames(1))
    .option('--top-k <k>', 'its routed experts for each token', wholeNumber(1), 1)
    .option('--slot <K>', 'its slot; without one the best', wholeNumber(0))
    .option('--chunks <m>', 'its chunks of the tokens', wholeNumber(1, 64), 1)
    .option('--expert-chunks <n>', 'its chunks of the experts of a rank', wholeNumber(1, 64), 1)
    .option('--halves <h>', 'its halves of the batch or of each sequence: 1 or 2', wholeNumber(1, 2), 1)
    .option('--timeline <file>', 'draw the predicted steps of top-2 and ScMoE pos2 (.svg or .png)', pictureFile)
    .option('--json', 'print JSON')
    .action(async (options: SimulateOptions) => {
      const cases = machineCases(options);
      const results = cases.map((one) => ({ ...one, rows: rowsOf(one, options) }));
      terminal.out.write(
        options.json ? asJson(results, options) : results.map((one) => asTable(one, options)).join('\n'),
      );
      if (options.timeline) {
        await writePicture(options.timeline, drawTimeline(predictedTraces(cases[0]!.machine, options.maxChunks)));
      }
    });
}

function rowsOf({ machine, pairs, numTokens }: MachineCase, options: SimulateOptions): readonly ComparisonRow[] {
  const { mode, maxChunks } = options;
  const rows = compareContenders(machine, mode, { pairs, maxChunks, numTokens });
  return options.stage === undefined ? rows : [...rows, planRow(machine, rows[0]!, pairs, options)];
}

function asTable(
  { title, machine, rows }: MachineCase & { rows: readonly ComparisonRow[] },
  { mode, share }: SimulateOptions,
) {
  const unit = share === undefined ? ' ms' : '';
  return (
    `${title}: ${mode}, communication share of top-2 ${percent(machineShare(machine))}\n` +
    table(
      ['', `step${unit}`, 'speed-up', `communication${unit}`, `exposed${unit}`, 'hidden', 'slot', 'parts'],
      rows.map(({ contender, stepMs, speedup, communicationMs, exposedMs, hiddenFraction, slot, ...cut }) => {
        const overlaps = contender.mode === 'overlapped';
        return [
          contender.name,
          formatMs(stepMs),
          `${speedup.toFixed(2)}x`,
          formatMs(communicationMs),
          formatMs(exposedMs),
          percent(hiddenFraction),
          overlaps ? slot.toString() : '-',
          contender.mode === 'sequential' ? '-' : describeCut(cut) || '1',
        ];
      }),
    )
  );
}

function asJson(
  results: readonly (MachineCase & { rows: readonly ComparisonRow[] })[],
  { mode }: SimulateOptions,
): string {
  const content = results.map(({ title, ranks, machine, rows }) => ({
    title,
    ranks,
    mode,
    communicationShare: machineShare(machine),
    rows: rows.map(({ contender, ...row }) => ({ ...contender, ...row })),
  }));
  return `${JSON.stringify(content, null, 2)}\n`;
}
