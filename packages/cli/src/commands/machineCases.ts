import { ArgumentError } from '@scmoe/errors';
import { clusterMachine, measuredMachine, possibleSchedules, shareMachine, type Machine } from '@scmoe/scheduler';
import type { Command } from 'commander';

import { clusterNames, modelNames, readCluster, readMeasuredCosts, readModel } from './descriptions.js';
import { share, wholeNumber, wholeNumbers } from './parsers.js';

/** The options that say whose times are predicted. */
export interface MachineOptions {
  readonly costs?: string;
  readonly share?: number;
  readonly cluster: string;
  readonly model: string;
  readonly ranks: readonly number[];
  readonly tensorParallel: number;
  readonly expertShards: number;
}

/** A machine to predict for. */
export interface MachineCase {
  readonly title: string;
  readonly ranks: number | undefined;
  readonly machine: Machine;
  readonly pairs: number;
  readonly numTokens: number | undefined;
}

/** Adds the options of `MachineOptions`. */
export function machineOptions(command: Command): Command {
  return command
    .option('--cluster <name|file>', `${clusterNames.join(', ')}, or a JSON file`, 'nvlink')
    .option('--model <name|file>', `${modelNames.join(', ')}, or a JSON file`, 'gpt2-medium')
    .option('--ranks <list>', 'numbers of ranks, such as 2,8,64', wholeNumbers(1), [8])
    .option(
      '--tensor-parallel <n>',
      'of model and cluster: neighbours that have a slice each of attentions, MLPs and shared experts, and the tokens of a rank together; every schedule of theirs is a case',
      wholeNumber(1),
      1,
    )
    .option('--expert-shards <n>', 'with it: neighbours that hold a slice each of the same experts', wholeNumber(1), 1)
    .option('--share <share>', 'instead of model and cluster: measured share of communication in the top-2 MoE', share)
    .option(
      '--costs <file>',
      'instead of those: measured times of every stage, as `npm run bench:overlap` writes them',
    );
}

/** The machines that the options describe, one for each number of ranks. @throws ArgumentError where they contradict each other */
export function machineCases({
  costs,
  share: communicationShare,
  cluster,
  model,
  ranks,
  tensorParallel,
  expertShards,
}: MachineOptions): readonly MachineCase[] {
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
  const isSliced = tensorParallel > 1 || expertShards > 1;
  const schedulesOf = (number: number) =>
    isSliced ? possibleSchedules({ tensorParallel, expertShards, ranks: number }) : [undefined];
  return ranks.flatMap((number) =>
    schedulesOf(number).map((schedule) => ({
      title:
        `${model} on ${number} ranks, ${cluster}` +
        (schedule ? `, tensor-parallel ${tensorParallel}, expert shards ${expertShards}, schedule ${schedule}` : ''),
      ranks: number,
      machine: clusterMachine(shape, described, number, schedule && { tensorParallel, expertShards, schedule }),
      pairs: shape.pairs,
      numTokens: shape.tokensPerRank,
    })),
  );
}
