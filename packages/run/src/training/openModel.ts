import { isExpertParameter, tensorAxis, type ExpertShard } from '@scmoe/layer';
import {
  averagesIn,
  type Checkpoint,
  findCheckpoint,
  findLatestCheckpoint,
  loadWholeCheckpoint,
  restoreVariables,
  shardStored,
} from '@scmoe/trainer';

import { checkSizes, numValues } from '../options/checkSizes.js';
import { checkStored } from '../options/checkStored.js';
import { buildModel } from './buildModel.js';
import type { OpenedExperts } from './ExpertsElsewhere.js';
import { settingGroups } from './settingGroups.js';
import type { ProgramTypes, TrainingProgram } from './TrainingProgram.js';

/** A model that can be used, and where it comes from. */
export interface OpenedModel<Types extends ProgramTypes> {
  /** The model, with all experts where no share of them was asked for. */
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
 * @param experts its experts, where they are not taken from the checkpoint
 * @param shard the experts that this rank holds; by default all
 * @throws UserError when there is no such checkpoint, or it is damaged or of another program.
 */
export async function openModel<Types extends ProgramTypes>(
  program: TrainingProgram<Types>,
  path: string,
  runDir: string,
  experts?: OpenedExperts,
  shard?: ExpertShard,
): Promise<TrainedModel<Types>> {
  const found = await (path === 'latest' ? findLatestCheckpoint(runDir, program) : findCheckpoint(path));
  const checkpoint = await loadWholeCheckpoint(found, {
    isSharded: isExpertParameter,
    slicedAxis: tensorAxis,
    ...(experts && { skip: isExpertParameter }),
  });
  experts?.expectPackedFrom(checkpoint);
  checkStored(checkpoint, settingGroups(program), program);
  checkSizes(checkpoint, settingGroups(program));
  const settings: Types['settings'] = checkpoint.index.config as unknown as Types['settings'];
  const model = buildModel(program, settings, checkpoint.dataDescription, {
    seed: settings.seed,
    maxValues: numValues(checkpoint),
    ...(experts && { expertSource: experts.source }),
    ...(shard && { experts: shard }),
  });
  const parameters = { ...checkpoint.parameters, ...averagesIn(checkpoint.optimizerState) };
  const own = shard ? shardStored(parameters, { ...shard, isSharded: isExpertParameter }) : parameters;
  restoreVariables({ ...model.variables, ...model.buffers }, own);
  return { model, settings, checkpoint };
}
