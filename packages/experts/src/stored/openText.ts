import { UserError } from '@scmoe/errors';
import { readCorpus, splitCorpus, tokenizeCorpus, type Tokenizer, type TokenSequence } from '@scmoe/trainer';

import type { StoredExperts } from './StoredExperts.js';

/** Text for a model: what experts are measured on, and what losses are measured on. They have no token in common. */
export interface ModelText {
  path: string;
  calibration: TokenSequence;
  heldOut: TokenSequence;
}

/**
 * Reads a text file or folder for any model and cuts it in two, the first part for calibration.
 *
 * @param validationFraction share of each document that is held out
 * @throws UserError when there is no usable text
 */
export async function readText(
  path: string,
  tokenizer: Tokenizer,
  { validationFraction = 0.1 }: { validationFraction?: number } = {},
): Promise<ModelText> {
  const { documents } = await readCorpus(path);
  const { train, validation } = splitCorpus(documents, { validationFraction });
  return { path, calibration: tokenizeCorpus(train, tokenizer), heldOut: tokenizeCorpus(validation, tokenizer) };
}

/**
 * Reads a text file or folder and cuts it in two, as the run has cut its own data: what the run has trained on is for
 * calibration, what it has validated on is held out.
 *
 * @param path the run's own data where it is not given
 * @returns undefined where no path is given and the run's own data are not there
 * @throws UserError when there is no usable text
 */
export async function openText(
  { checkpoint }: Pick<StoredExperts, 'checkpoint'>,
  tokenizer: Tokenizer,
  path?: string,
): Promise<ModelText | undefined> {
  const { data, validationFraction } = checkpoint.index.config as { data?: string; validationFraction?: number };
  const from = path ?? data;
  if (from === undefined) return undefined;
  try {
    return await readText(from, tokenizer, { validationFraction });
  } catch (error) {
    if (path === undefined && error instanceof UserError) return undefined;
    throw error;
  }
}
