import { wholeNumber } from './parsers.js';
import { type OptionGroup, optionsOf } from './OptionGroup.js';

/** Where and how a command computes and where it keeps its runs. */
export interface RuntimeOptions {
  config?: string;
  backend: string;
  threads?: number;
  precision: 'float32' | 'bf16';
  runDir: string;
}

/** The options of `RuntimeOptions`, for every command that computes. */
export function runtimeOptions(): OptionGroup {
  return {
    title: 'Runtime',
    options: optionsOf([
      ['--config <file>', 'YAML or JSON file of option values (camel case); flags override it'],
      ['--backend <name>', 'scmoe, wasm, cpu, tensorflow, or auto for the fastest there is', (o) => o.default('auto')],
      ['--threads <n>', "threads of the kernels (default: the machine's cores)", (o) => o.argParser(wholeNumber(1))],
      ['--precision <type>', 'operands of matrix products', (o) => o.choices(['float32', 'bf16']).default('float32')],
      ['--run-dir <folder>', 'folder in which each run gets its own', (o) => o.default('runs')],
    ]),
  };
}
