import { openModel, say, type RuntimeOptions, startBackend, type TrainedModel, type Terminal } from '@scmoe/run';
import { restoreTokenizer, type Tokenizer } from '@scmoe/trainer';

import type { DataDescription } from './data/loadData.js';
import type { LanguageTypes } from './LanguageTypes.js';
import { program } from './program.js';

/** Starts the backend and loads the model of a checkpoint or run folder with its tokenizer, and says what it took. */
export async function openLanguageModel(
  path: string,
  options: RuntimeOptions,
  terminal: Terminal,
): Promise<TrainedModel<LanguageTypes> & { tokenizer: Tokenizer }> {
  say(terminal, await startBackend(options));
  const trained = await openModel(program, path, options.runDir);
  say(terminal, `checkpoint: ${trained.checkpoint.path}`);
  const { tokenizer } = trained.checkpoint.dataDescription as unknown as DataDescription;
  return { ...trained, tokenizer: await restoreTokenizer(tokenizer) };
}
