import { nameText, UserError } from '@scmoe/errors';
import { evalCommand } from '@scmoe/run';

import { loadPictures } from '../data/loadPictures.js';
import { descriptionIn } from '../openVisionModel.js';
import { program } from '../program.js';

/** The command that measures a trained model. */
export const evaluation = evalCommand(program, {
  description: 'Measure how well a trained model classifies pictures.',
  dataHelp: "pictures with the run's classes, of which the test part counts (default: the run's data)",
  openData: async (trained, path, terminal) => {
    const described = descriptionIn(trained);
    const data = await loadPictures({ ...trained.settings, ...(path && { data: path }) }, terminal, {
      earlier: described,
    });
    const [expected, got] = [described, data.described].map(({ classNames }) => classNames.map(nameText).join(', '));
    if (got === expected) return data;
    await data.close!();
    throw new UserError(`The data have other classes than the model: expected ${expected}, got ${got}.`);
  },
  show: ({ metrics }) => Object.entries(metrics).map(([name, share]) => `${name} ${(100 * share).toFixed(2)} %`),
});
