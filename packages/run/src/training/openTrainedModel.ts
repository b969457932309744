import type { ExpertShard } from '@scmoe/layer';

import { say, type Terminal } from '../cli/Terminal.js';
import type { RuntimeOptions } from '../options/runtimeOptions.js';
import type { OpenedExperts } from './ExpertsElsewhere.js';
import { openModel, type TrainedModel } from './openModel.js';
import { startBackend } from './startBackend.js';
import type { ProgramTypes, TrainingProgram } from './TrainingProgram.js';

/**
 * What a command that uses a trained model begins with: starts the backend, loads the model of a checkpoint or run folder
 * (`latest`: of the newest one), and says what it took.
 *
 * @param shard the experts that this rank holds; by default all
 *
 * @throws UserError when the backend can't be used, or there is no such checkpoint
 */
export async function openTrainedModel<Types extends ProgramTypes>(
  program: TrainingProgram<Types>,
  path: string,
  options: RuntimeOptions,
  terminal: Terminal,
  experts?: OpenedExperts,
  shard?: ExpertShard,
): Promise<TrainedModel<Types>> {
  say(terminal, await startBackend(options));
  const trained = await openModel(program, path, options.runDir, experts, shard);
  say(terminal, `checkpoint: ${trained.checkpoint.path}`);
  return trained;
}
