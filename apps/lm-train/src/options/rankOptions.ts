import { type Command, Option } from 'commander';

import { realNumber, wholeNumber } from './parsers.js';

/** How the ranks of a run work together; without a launcher there is one. */
export interface RankFlags {
  expertParallel?: number;
  rankTimeout: number;
}

export function addRankOptions(command: Command): Command {
  const options = [
    new Option('--expert-parallel <n>', 'ranks that share the experts of a model (default: all)').argParser(
      wholeNumber(1),
    ),
    new Option('--rank-timeout <s>', 'how long ranks wait for each other, in seconds')
      .argParser(realNumber(0, { exclusive: true }))
      .default(300),
  ];
  for (const option of options) command.addOption(option.helpGroup('Several ranks (see scmoe launch):'));
  return command;
}
