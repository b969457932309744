import { UserError } from '@scmoe/errors';
import type { JsonObject } from '@scmoe/trainer';

import type { ModelOptions, ProgramTypes, TrainingProgram } from './TrainingProgram.js';

/**
 * The model that the settings describe.
 *
 * @throws UserError when they can't be combined (heads that do not divide the width, more choices than experts, ...).
 */
export function buildModel<Types extends ProgramTypes>(
  program: TrainingProgram<Types>,
  settings: Types['settings'],
  described: JsonObject,
  { experts, ...start }: ModelOptions,
): Types['model'] {
  try {
    const shard = experts && { rank: experts.rank, size: experts.size };
    return program.createModel(settings, described, { ...start, ...(shard && { experts: shard }) });
  } catch (error) {
    throw new UserError(`The model can't be built: ${(error as Error).message}`, { exitCode: 2, cause: error });
  }
}
