import type { Terminal } from '@scmoe/comm/launch';
import { Command } from 'commander';

import { convertCommand } from './experts/convertCommand.js';
import { packCommand } from './experts/packCommand.js';
import { placeCommand } from './experts/placeCommand.js';
import { pruneCommand } from './experts/pruneCommand.js';
import { reportCommand } from './experts/reportCommand.js';

/** `scmoe experts`: what becomes of the experts of a trained model. */
export function expertsCommand(terminal: Terminal): Command {
  return new Command('experts')
    .description('Looks at the experts of a trained model, and changes them.')
    .addCommand(reportCommand(terminal))
    .addCommand(pruneCommand(terminal))
    .addCommand(placeCommand(terminal))
    .addCommand(convertCommand(terminal))
    .addCommand(packCommand(terminal));
}
