import { UserError } from '@scmoe/errors';
import type { Checkpoint } from '@scmoe/trainer';

import type { OptionGroup } from './OptionGroup.js';

/** More than any size of a batch, a sequence or a picture that a machine could hold. */
const largestSize = 2 ** 20;

/** Sizes of the training loop that decide what is allocated. */
const loopSizes = ['batchSize', 'accumulate', 'evalBatches'];

/**
 * Makes sure that the sizes in a checkpoint's settings are possible, before anything is made by them: a number may be what its
 * option takes and still ask for more than there is of everything. A size of the model is at most what the checkpoint has
 * values, or a million where that is more, for some are no axis of a tensor; it has no more blocks than tensors.
 *
 * @throws UserError naming the checkpoint, the setting and its limit
 */
export function checkSizes(
  { path, index: { config }, parameters }: Pick<Checkpoint, 'path' | 'index' | 'parameters'>,
  groups: readonly OptionGroup[],
): void {
  const limit = Math.max(largestSize, numValues({ parameters }));
  const ofModel = groups.filter(({ fixed }) => fixed === 'all').flatMap(({ options }) => options);
  const names = [...ofModel.map((option) => option.attributeName()), ...loopSizes];
  const check = (name: string, most: number, why: string) => {
    const value = config[name];
    if (typeof value !== 'number' || value <= most) return;
    throw new UserError(`${path}: checkpoint.json: config: ${name}: expected at most ${most}${why}, got ${value}.`);
  };
  const numTensors = Object.keys(parameters).length;
  check('numLayers', numTensors, ', as many as the checkpoint has tensors');
  for (const name of names) check(name, limit, '');
}

/** Values in all parameters of a checkpoint: a model of it has no more. */
export function numValues({ parameters }: Pick<Checkpoint, 'parameters'>): number {
  return Object.values(parameters).reduce((sum, { data }) => sum + data.length, 0);
}
