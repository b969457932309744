import { UserError } from '@scmoe/errors';
import type { LanguageModelDescription } from '@scmoe/models';
import { count, megabytes, type RunData } from '@scmoe/run';
import {
  type Corpus,
  createTokenizer,
  fingerprint,
  type JsonObject,
  readCorpus,
  restoreTokenizer,
  splitCorpus,
  type Tokenizer,
  type TokenizerDescription,
  tokenizeCorpus,
  type TokenSequence,
} from '@scmoe/trainer';

import { readDefaultData } from './defaultData.js';

/** What checkpoints keep of the data: the tokenizer, and how many tokens it knows. */
export interface DataDescription {
  tokenizer: TokenizerDescription;
  vocabSize: number;
  /** The model of a run that started from one of transformers; of others it follows from the settings. */
  model?: LanguageModelDescription;
}

/** Text as tokens, to train on and to validate with. */
export interface LanguageData extends RunData {
  tokenizer: Tokenizer;
  train: TokenSequence;
  validation: TokenSequence;
}

/**
 * Reads, splits and tokenizes text.
 *
 * @param tokenizer name of a tokenizer, or the description of the one that a checkpoint was trained with
 * @throws UserError when there is no usable text.
 */
export async function loadData({
  data,
  tokenizer: chosen,
  validationFraction,
  model,
}: {
  data?: string | undefined;
  tokenizer: string | TokenizerDescription;
  /** Share of the text that is not trained on; 1: all of it. */
  validationFraction: number;
  /** The model that the tokens are for, where it is there before them. */
  model?: LanguageModelDescription;
}): Promise<LanguageData> {
  const corpus = data === undefined ? await readDefaultData() : await readCorpus(data);
  const tokenizer =
    typeof chosen === 'string' ? await createTokenizer(chosen, corpus.documents) : await restoreTokenizer(chosen);
  const { vocabSize = Infinity } = (model?.config ?? {}) as { vocabSize?: number };
  if (tokenizer.vocabSize > vocabSize)
    throw new UserError(
      `tokenizer: expected one with at most the ${vocabSize} tokens of the model, got ${tokenizer.vocabSize}.`,
      { exitCode: 2 },
    );
  const split =
    validationFraction === 1
      ? { train: [], validation: corpus.documents }
      : splitCorpus(corpus.documents, { validationFraction });
  const train = tokenizeCorpus(split.train, tokenizer);
  const validation = tokenizeCorpus(split.validation, tokenizer);
  const source = data ?? `TypeScript declarations in ${(corpus as { folder?: string }).folder}`;
  return {
    tokenizer,
    train,
    validation,
    fingerprint: fingerprint(train, validation),
    description: {
      tokenizer: tokenizer.description,
      vocabSize: tokenizer.vocabSize,
      ...(model && { model }),
    } satisfies DataDescription as unknown as JsonObject,
    line:
      `${source}: ${count(corpus.documents.length)} ${corpus.documents.length === 1 ? 'file' : 'files'}, ` +
      `${megabytes(corpus.numBytes)}${skipped(corpus)}; ${count(train.ids.length)} tokens to train on, ` +
      `${count(validation.ids.length)} to validate (${tokenizer.description.kind} tokenizer, vocabulary ${count(tokenizer.vocabSize)})`,
  };
}

function skipped({ binaryFiles, emptyFiles, brokenLinks }: Corpus): string {
  const links = brokenLinks.length === 1 ? 'broken link' : 'broken links';
  const parts = [
    ...(binaryFiles.length > 0 ? [`${count(binaryFiles.length)} binary`] : []),
    ...(emptyFiles.length > 0 ? [`${count(emptyFiles.length)} empty`] : []),
    ...(brokenLinks.length > 0 ? [`${count(brokenLinks.length)} ${links}`] : []),
  ];
  return parts.length > 0 ? ` (${parts.join(', ').replace(/, ([^,]*)$/, ' and $1')} skipped)` : '';
}
