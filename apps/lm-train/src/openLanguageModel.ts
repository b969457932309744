import {
  openTrainedModel,
  type OpenedExperts,
  type RuntimeOptions,
  type Terminal,
  type TrainedModel,
} from '@scmoe/run';
import { restoreTokenizer, type Tokenizer } from '@scmoe/trainer';

import type { DataDescription } from './data/loadData.js';
import type { LanguageTypes } from './LanguageTypes.js';
import { program } from './program.js';

/** What the checkpoint of a model keeps of its data. */
export function descriptionIn({ checkpoint }: TrainedModel<LanguageTypes>): DataDescription {
  return checkpoint.dataDescription as unknown as DataDescription;
}

/** Loads the model of a checkpoint or run folder with its tokenizer, and says what it took. */
export async function openLanguageModel(
  path: string,
  options: RuntimeOptions,
  terminal: Terminal,
  experts?: OpenedExperts,
): Promise<TrainedModel<LanguageTypes> & { tokenizer: Tokenizer }> {
  const trained = await openTrainedModel(program, path, options, terminal, experts);
  return { ...trained, tokenizer: await restoreTokenizer(descriptionIn(trained).tokenizer) };
}
