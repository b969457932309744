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
 * Reads a text file or folder and cuts it in two, as the run has cut its own data: what the run has trained on is for
 * calibration, what it has validated on is held out.
 *
 * @param path the run's own data where it is not given
 * @returns undefined where no path is given and the run's own data are not there
 * @throws UserError when there is no usable text
 */
export async function openText(
  { checkpoint }: StoredExperts,
  tokenizer: Tokenizer,
  path?: string,
): Promise<ModelText | undefined> {
  const { data, validationFraction = 0.1 } = checkpoint.index.config as { data?: string; validationFraction?: number };
  const from = path ?? data;
  if (from === undefined) return undefined;
  let corpus;
  try {
    corpus = await readCorpus(from);
  } catch (error) {
    if (path === undefined && error instanceof UserError) return undefined;
    throw error;
  }
  const { train, validation } = splitCorpus(corpus.documents, { validationFraction });
  return {
    path: from,
    calibration: tokenizeCorpus(train, tokenizer),
    heldOut: tokenizeCorpus(validation, tokenizer),
  };
}
