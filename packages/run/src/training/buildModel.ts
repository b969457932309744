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
  { experts, tensor, ...start }: ModelOptions,
): Types['model'] {
  try {
    const shard = experts && { rank: experts.rank, size: experts.size, shards: experts.shards };
    const slice = tensor && { rank: tensor.rank, size: tensor.size };
    return program.createModel(settings, described, {
      ...start,
      ...(shard && { experts: shard }),
      ...(slice && { tensor: slice }),
    });
  } catch (error) {
    throw new UserError(`The model can't be built: ${(error as Error).message}`, { exitCode: 2, cause: error });
  }
}
