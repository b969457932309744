import { asUserError, UserError } from '@scmoe/errors';
import { LanguageModel, loadPretrained, isPretrainedFolder } from '@scmoe/models';
import {
  readCorpus,
  readHuggingFaceTokenizer,
  tokenizeCorpus,
  type Tokenizer,
  type TokenSequence,
} from '@scmoe/trainer';

import { openLanguageModel } from '../stored/openLanguageModel.js';
import { openStoredExperts } from '../stored/StoredExperts.js';
import { openText } from '../stored/openText.js';

/** A model that is reported on, with a text for it. The caller disposes the model. */
export interface ReportSubject {
  path: string;
  model: LanguageModel<object>;
  tokenizer: Tokenizer;
  /** Where the text comes from. */
  text: string;
  sequence: TokenSequence;
  batchSize: number;
  sequenceLength: number;
}

/** Longer texts of a public model are measured in windows of so many tokens: its experts see no more at once. */
const publicWindow = 512;

/**
 * Opens a language model with experts: a checkpoint or run folder of ours, or a folder of Hugging Face transformers with its
 * tokenizer.
 *
 * @param text a text file or folder; of a run its own data by default, the part that it has validated on
 * @throws UserError where there is no such model, it has no experts, or there is no text
 */
export async function openSubject(path: string, text?: string): Promise<ReportSubject> {
  return (await isPretrainedFolder(path)) ? openPublic(path, text) : openRun(path, text);
}

async function openRun(path: string, given?: string): Promise<ReportSubject> {
  const stored = await openStoredExperts(path);
  const language = await openLanguageModel(stored);
  const where = stored.checkpoint.path;
  if (!language) throw new UserError(`${where}: expected a language model, got one of other data.`);
  try {
    const text = await openText(stored, language.tokenizer, given);
    if (!text)
      throw new UserError(`${where}: expected a text, got none: the run's own data are not there.`, { exitCode: 2 });
    const { batchSize, sequenceLength } = stored.checkpoint.index.config as {
      batchSize: number;
      sequenceLength: number;
    };
    return { path: where, ...language, text: text.path, sequence: text.heldOut, batchSize, sequenceLength };
  } catch (error) {
    language.model.dispose();
    throw error;
  }
}

async function openPublic(path: string, text?: string): Promise<ReportSubject> {
  if (text === undefined)
    throw new UserError(`${path}: expected a text for a public model, got none.`, { exitCode: 2 });
  const tokenizer = await readHuggingFaceTokenizer(path);
  const { documents } = await readCorpus(text);
  const sequence = tokenizeCorpus(documents, tokenizer);
  const model = await asUserError(() => loadPretrained(path, { as: LanguageModel }));
  if (model.numExperts === 0) {
    model.dispose();
    throw new UserError(`${path}: expected a model with routed experts, got one of none.`);
  }
  const { sequenceLength } = model.config as { sequenceLength: number };
  return {
    path,
    model,
    tokenizer,
    text,
    sequence,
    batchSize: 1,
    sequenceLength: Math.min(sequenceLength, publicWindow, sequence.ids.length - 1),
  };
}
