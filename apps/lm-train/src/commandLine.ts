import { type CommandLine, trainCommand } from '@scmoe/run';

import { distillCommand } from './commands/distill.js';
import { evaluation } from './commands/eval.js';
import { exportCommand } from './commands/export.js';
import { generateCommand } from './commands/generate.js';
import { program } from './program.js';

/** The command line of lm-train. */
export const commandLine: CommandLine = {
  name: program.name,
  description: 'Trains, evaluates and samples GPT-style language models with shortcut-connected mixtures of experts.',
  commands: [trainCommand(program), distillCommand, evaluation, generateCommand, exportCommand],
};
