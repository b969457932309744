import { type Command, Option } from 'commander';

import { wholeNumber } from './parsers.js';

/** Where and how a command computes and where it keeps its runs. */
export interface RuntimeOptions {
  config?: string;
  backend: string;
  threads?: number;
  precision: 'float32' | 'bf16';
  runDir: string;
}

export function addRuntimeOptions(command: Command): Command {
  const options = [
    new Option('--config <file>', 'YAML or JSON file of option values (camel case); flags override it'),
    new Option('--backend <name>', 'scmoe, wasm, cpu, tensorflow, or auto for the fastest there is').default('auto'),
    new Option('--threads <n>', "threads of the kernels (default: the machine's cores)").argParser(wholeNumber(1)),
    new Option('--precision <type>', 'operands of matrix products').choices(['float32', 'bf16']).default('float32'),
    new Option('--run-dir <folder>', 'folder in which each run gets its own').default('runs'),
  ];
  for (const option of options) command.addOption(option.helpGroup('Runtime:'));
  return command;
}
