import { type CommandLine, trainCommand } from '@scmoe/run';

import { evaluation } from './commands/eval.js';
import { predictCommand } from './commands/predict.js';
import { prepareCommand } from './commands/prepare.js';
import { program } from './program.js';

/** The command line of vit-train. */
export const commandLine: CommandLine = {
  name: program.name,
  description:
    'Trains and evaluates vision transformers with shortcut-connected mixtures of experts, and says what pictures show.',
  commands: [trainCommand(program), evaluation, predictCommand, prepareCommand],
};
