import type { Terminal } from '@scmoe/comm/launch';
import { ArgumentError } from '@scmoe/errors';
import {
  clusterMachine,
  compareContenders,
  drawTimeline,
  formatMs,
  machineShare,
  measuredMachine,
  shareMachine,
  type ComparisonRow,
  type Machine,
} from '@scmoe/scheduler';
import { Command } from 'commander';

import { clusterNames, modelNames, readCluster, readMeasuredCosts, readModel } from './descriptions.js';
import { writePicture } from './files.js';
import { oneOf, pictureFile, share, wholeNumber, wholeNumbers } from './parsers.js';
import { planRow } from './planRow.js';
import { predictedTraces } from './predictedTraces.js';
import type { SimulateOptions } from './SimulateOptions.js';
import { percent, table } from './table.js';

interface Case {
  readonly title: string;
  readonly ranks: number | undefined;
  readonly machine: Machine;
  readonly pairs: number;
  readonly numTokens: number | undefined;
}

/** `scmoe simulate`: predicted times, hidden fractions and speed-ups. */
export function simulateCommand(terminal: Terminal): Command {
  return new Command('simulate')
    .description(
      'Predicts step time, hidden communication and speed-up of every kind of stage, on a cluster that is described.',
    )
    .option('--cluster <name|file>', `${clusterNames.join(', ')}, or a JSON file`, 'nvlink')
    .option('--model <name|file>', `${modelNames.join(', ')}, or a JSON file`, 'gpt2-medium')
    .option('--ranks <list>', 'numbers of ranks, such as 2,8,64', wholeNumbers(1), [8])
    .option('--share <share>', 'instead of model and cluster: measured share of communication in the top-2 MoE', share)
    .option('--costs <file>', 'instead of those: measured times of every stage, as `npm run bench:overlap` writes them')
    .option('--mode <train|infer>', 'forward, backward and update, or forward alone', oneOf('train', 'infer'), 'train')
    .option('--max-chunks <n>', 'chunks that an overlapped stage may cut its tokens into', wholeNumber(1, 64), 1)
    .option('--stage <kind>', 'add a plan of your own: its stage (pos2, longcat, ...)')
    .option('--top-k <k>', 'its routed experts for each token', wholeNumber(1), 1)
    .option('--slot <K>', 'its slot; without one the best', wholeNumber(0))
    .option('--chunks <m>', 'its chunks', wholeNumber(1, 64), 1)
    .option('--timeline <file>', 'draw the predicted steps of top-2 and ScMoE pos2 (.svg or .png)', pictureFile)
    .option('--json', 'print JSON')
    .action(async (options: SimulateOptions) => {
      const cases = casesOf(options);
      const results = cases.map((one) => ({ ...one, rows: rowsOf(one, options) }));
      terminal.out.write(
        options.json ? asJson(results, options) : results.map((one) => asTable(one, options)).join('\n'),
      );
      if (options.timeline) {
        await writePicture(options.timeline, drawTimeline(predictedTraces(cases[0]!.machine, options.maxChunks)));
      }
    });
}

function casesOf({ costs, share: communicationShare, cluster, model, ranks }: SimulateOptions): readonly Case[] {
  if (costs !== undefined) {
    if (communicationShare !== undefined)
      throw new ArgumentError('--costs and --share: expected one of them, got both');
    const measured = readMeasuredCosts(costs);
    const { title, pairs, tokensPerRank } = measured;
    return [{ title, ranks: undefined, machine: measuredMachine(measured), pairs, numTokens: tokensPerRank }];
  }
  if (communicationShare !== undefined) {
    const machine = shareMachine({ communicationShare });
    return [{ title: 'block pair, in units of an MLP', ranks: undefined, machine, pairs: 1, numTokens: undefined }];
  }
  const shape = readModel(model);
  const described = readCluster(cluster);
  return ranks.map((number) => ({
    title: `${model} on ${number} ranks, ${cluster}`,
    ranks: number,
    machine: clusterMachine(shape, described, number),
    pairs: shape.pairs,
    numTokens: shape.tokensPerRank,
  }));
}

function rowsOf({ machine, pairs, numTokens }: Case, options: SimulateOptions): readonly ComparisonRow[] {
  const { mode, maxChunks } = options;
  const rows = compareContenders(machine, mode, { pairs, maxChunks, numTokens });
  return options.stage === undefined ? rows : [...rows, planRow(machine, rows[0]!, pairs, options)];
}

function asTable(
  { title, machine, rows }: Case & { rows: readonly ComparisonRow[] },
  { mode, share }: SimulateOptions,
) {
  const unit = share === undefined ? ' ms' : '';
  return (
    `${title}: ${mode}, communication share of top-2 ${percent(machineShare(machine))}\n` +
    table(
      ['', `step${unit}`, 'speed-up', `communication${unit}`, `exposed${unit}`, 'hidden', 'slot', 'chunks'],
      rows.map(({ contender, stepMs, speedup, communicationMs, exposedMs, hiddenFraction, slot, chunks }) => {
        const overlaps = contender.mode === 'overlapped';
        return [
          contender.name,
          formatMs(stepMs),
          `${speedup.toFixed(2)}x`,
          formatMs(communicationMs),
          formatMs(exposedMs),
          percent(hiddenFraction),
          overlaps ? slot.toString() : '-',
          contender.mode === 'sequential' ? '-' : chunks.toString(),
        ];
      }),
    )
  );
}

function asJson(results: readonly (Case & { rows: readonly ComparisonRow[] })[], { mode }: SimulateOptions): string {
  const content = results.map(({ title, ranks, machine, rows }) => ({
    title,
    ranks,
    mode,
    communicationShare: machineShare(machine),
    rows: rows.map(({ contender, ...row }) => ({ ...contender, ...row })),
  }));
  return `${JSON.stringify(content, null, 2)}\n`;
}
