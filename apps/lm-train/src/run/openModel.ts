import type { Gpt } from '@scmoe/models';
import {
  type Checkpoint,
  findCheckpoint,
  findLatestCheckpoint,
  loadCheckpoint,
  restoreTokenizer,
  restoreVariables,
  type Tokenizer,
} from '@scmoe/trainer';

import { createModel } from '../model/createModel.js';
import type { Settings } from './Settings.js';

export interface TrainedModel {
  gpt: Gpt;
  tokenizer: Tokenizer;
  settings: Settings;
  checkpoint: Checkpoint;
}

/** Loads the model of a checkpoint or run folder; `latest` is the newest one under `runDir`. */
export async function openModel(path: string, runDir: string): Promise<TrainedModel> {
  const found = path === 'latest' ? await findLatestCheckpoint(runDir) : await findCheckpoint(path);
  const checkpoint = await loadCheckpoint(found);
  const settings = checkpoint.index.config as unknown as Settings;
  const tokenizer = await restoreTokenizer(checkpoint.tokenizer);
  const gpt = createModel(settings, tokenizer.vocabSize, settings.seed);
  restoreVariables({ ...gpt.variables, ...gpt.buffers }, checkpoint.parameters);
  return { gpt, tokenizer, settings, checkpoint };
}
