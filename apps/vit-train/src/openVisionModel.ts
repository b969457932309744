import { openTrainedModel, type RuntimeOptions, type Terminal, type OpenedModel, type TrainedModel } from '@scmoe/run';

import type { DataDescription } from './data/loadPictures.js';
import { program } from './program.js';
import type { VisionTypes } from './VisionTypes.js';

/** What the checkpoint of a model keeps of its data. */
export function descriptionIn({ checkpoint }: OpenedModel<VisionTypes>): DataDescription {
  return checkpoint.dataDescription as unknown as DataDescription;
}

/** Loads the model of a checkpoint or run folder, and says what it took. */
export async function openVisionModel(
  path: string,
  options: RuntimeOptions,
  terminal: Terminal,
): Promise<TrainedModel<VisionTypes> & { described: DataDescription }> {
  const trained = await openTrainedModel(program, path, options, terminal);
  return { ...trained, described: descriptionIn(trained) };
}
