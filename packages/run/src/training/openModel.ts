import { isExpertParameter } from '@scmoe/layer';
import {
  averagesIn,
  type Checkpoint,
  findCheckpoint,
  findLatestCheckpoint,
  loadWholeCheckpoint,
  restoreVariables,
} from '@scmoe/trainer';

import { checkSizes, numValues } from '../options/checkSizes.js';
import { checkStored } from '../options/checkStored.js';
import { buildModel } from './buildModel.js';
import { settingGroups } from './settingGroups.js';
import type { ProgramTypes, TrainingProgram } from './TrainingProgram.js';

/** A model that can be used, and where it comes from. */
export interface OpenedModel<Types extends ProgramTypes> {
  /** The model with all experts. */
  model: Types['model'];
  settings: Types['settings'];
  /** Where it lies, and what is kept there of the data. */
  checkpoint: Pick<Checkpoint, 'path' | 'dataDescription'>;
}

/** A model that was trained here. */
export interface TrainedModel<Types extends ProgramTypes> extends OpenedModel<Types> {
  checkpoint: Checkpoint;
}

/**
 * Loads the model of a checkpoint or run folder; `latest` is the newest one under `runDir`. Where the run has averaged its
 * parameters, the model has the averages.
 *
 * @throws UserError when there is no such checkpoint, or it is damaged or of another program.
 */
export async function openModel<Types extends ProgramTypes>(
  program: TrainingProgram<Types>,
  path: string,
  runDir: string,
): Promise<TrainedModel<Types>> {
  const found = path === 'latest' ? await findLatestCheckpoint(runDir) : await findCheckpoint(path);
  const checkpoint = await loadWholeCheckpoint(found, { isSharded: isExpertParameter });
  checkStored(checkpoint, settingGroups(program));
  checkSizes(checkpoint, settingGroups(program));
  const settings: Types['settings'] = checkpoint.index.config as unknown as Types['settings'];
  const model = buildModel(program, settings, checkpoint.dataDescription, {
    seed: settings.seed,
    maxValues: numValues(checkpoint),
  });
  const parameters = { ...checkpoint.parameters, ...averagesIn(checkpoint.optimizerState) };
  restoreVariables({ ...model.variables, ...model.buffers }, parameters);
  return { model, settings, checkpoint };
}
