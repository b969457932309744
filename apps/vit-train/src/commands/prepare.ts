import { nameText } from '@scmoe/errors';
import { addOptions, say, type Terminal, wholeNumber } from '@scmoe/run';
import { Command } from 'commander';

import { loadPictures, type PictureSettings } from '../data/loadPictures.js';
import { dataOptions } from '../options/dataOptions.js';

/** The command that decodes pictures, so that runs find them ready. */
export function prepareCommand(terminal: Terminal): Command {
  const command = new Command('prepare')
    .description(
      'Decode the pictures of --data once, as a run with the same --image-size and --augment will want them.',
    )
    .option('--image-size <n>', 'side of what the model sees, in pixels', wholeNumber(1), 32)
    .option('--augment <kind>', 'photo: somewhat larger, to cut crops of', 'small')
    .option('--seed <n>', 'seed of what is kept for validation', wholeNumber(0), 1);
  addOptions(command, dataOptions());
  return command.action(async (settings: PictureSettings) => {
    const data = await loadPictures(settings, terminal);
    say(terminal, `data: ${data.line}`);
    const { classNames } = data.set;
    for (const { name, problem } of data.set.skipped.slice(0, 20)) say(terminal, `left out: ${name}: ${problem}`);
    say(
      terminal,
      `classes: ${classNames.slice(0, 20).map(nameText).join(', ')}${classNames.length > 20 ? ', ...' : ''}`,
    );
    await data.close!();
  });
}
