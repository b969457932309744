import { launch, otherLauncher, type Terminal } from '@scmoe/comm/launch';
import { Command, Option } from 'commander';

import { endpoint, ranksHere, seconds, secret, wholeNumber } from './parsers.js';
import { readFlags, type LaunchFlags } from './readFlags.js';

/** `scmoe launch`, with the names of torchrun. The PET_ variables are those that a PyTorchJob sets for torchrun. */
export function launchCommand(terminal: Terminal, setExitCode: (code: number) => void): Command {
  const flag = (names: string, text: string) => new Option(names, text);
  return new Command('launch')
    .description('Runs a command as several ranks, on this host or on several.')
    .argument('<command>', 'a script (.js, .mjs, .cjs), or any program')
    .argument('[arguments...]', 'its arguments')
    .passThroughOptions()
    .addOption(
      flag('-n, --nproc-per-node <n|auto>', 'ranks on this host; auto: one a GPU, or else one a core')
        .argParser(ranksHere)
        .default(1)
        .env('PET_NPROC_PER_NODE'),
    )
    .addOption(flag('--nnodes <n>', 'hosts').argParser(wholeNumber(1)).default(1).env('PET_NNODES'))
    .addOption(
      flag('--node-rank <n>', "this host's number, from 0").argParser(wholeNumber(0)).default(0).env('PET_NODE_RANK'),
    )
    .addOption(
      flag('--rdzv-endpoint <host:port>', 'where the launcher of node 0 serves the rendezvous store')
        .argParser(endpoint)
        .env('PET_RDZV_ENDPOINT'),
    )
    .option('--standalone', 'one host, on a free port of loopback (the default without --rdzv-endpoint)')
    .addOption(
      flag('--bind <address>', 'address that node 0 listens on (default: loopback, or that of --rdzv-endpoint)'),
    )
    .addOption(
      flag('--token <secret>', 'shared by all launchers of a run; better given in the variable, which ps does not show')
        .argParser(secret)
        .env('SCMOE_TOKEN'),
    )
    .addOption(
      flag(
        '--max-restarts <n>',
        'after how many failures in a row without progress (a newer checkpoint) to start all ranks again',
      )
        .argParser(wholeNumber(0))
        .default(0)
        .env('PET_MAX_RESTARTS'),
    )
    .addOption(
      flag(
        '--attach <rank>',
        'this rank writes to the terminal itself: no prefix, progress bars work, no copy in --log-dir',
      ).argParser(wholeNumber(0)),
    )
    .addOption(flag('--log-dir <folder>', "writes each rank's output to files as well").env('PET_LOG_DIR'))
    .addOption(
      flag('--rdzv-timeout <s>', 'how long launchers wait for each other').argParser(seconds).default(300_000, '300'),
    )
    .addOption(
      flag('--grace-period <s>', 'time between SIGTERM and SIGKILL after a failure')
        .argParser(seconds)
        .default(5000, '5'),
    )
    .addOption(
      flag('--stop-timeout <s>', 'time that ranks have to save and end after Ctrl-C or another signal')
        .argParser(seconds)
        .default(300_000, '300'),
    )
    .action(async (command: string, args: string[], flags: LaunchFlags) => {
      const options = readFlags([command, ...args], flags);
      const other = options.nodes === 1 && !flags.standalone ? otherLauncher() : undefined;
      if (other !== undefined) terminal.err.write(`scmoe: ${aloneText(other)}\n`);
      setExitCode(await launch({ ...options, terminal }));
    });
}

function aloneText(other: string): string {
  return (
    `each launcher starts a run of its own here, and there may be several: ${other.replace(/\.$/, '')}. ` +
    '--nnodes, --node-rank and --rdzv-endpoint make one run of them; --standalone says that it is meant so.'
  );
}
