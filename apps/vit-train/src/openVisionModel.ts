import { openModel, type RuntimeOptions, say, startBackend, type Terminal, type TrainedModel } from '@scmoe/run';

import type { DataDescription } from './data/loadPictures.js';
import { program } from './program.js';
import type { VisionTypes } from './VisionTypes.js';

/** Starts the backend and loads the model of a checkpoint or run folder, and says what it took. */
export async function openVisionModel(
  path: string,
  options: RuntimeOptions,
  terminal: Terminal,
): Promise<TrainedModel<VisionTypes> & { described: DataDescription }> {
  say(terminal, await startBackend(options));
  const trained = await openModel(program, path, options.runDir);
  say(terminal, `checkpoint: ${trained.checkpoint.path}`);
  return { ...trained, described: trained.checkpoint.dataDescription as unknown as DataDescription };
}
