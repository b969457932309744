import { ArgumentError, expectKnownOptions, expectWholeNumber, optionNames } from '@scmoe/errors';

import { checkSampling, type SamplingOptions } from './SamplingOptions.js';

/** What a text is to be: how its tokens are drawn, and where it ends. */
export interface TextOptions extends SamplingOptions {
  maxNewTokens: number;
  /** The same seed, prompt and options give the same text. Default: 0. */
  seed?: number;
  /** Tokens that end the text; they are no part of it. */
  stopTokens?: readonly number[];
  /** Texts before which the text ends, what may become one being held back until it is clear; with `decode`. */
  stopTexts?: readonly string[];
  /** Turns tokens into text as they come, one for each text; without a token it gives what it still holds back. */
  decode?: (token?: number) => string;
  /** Give the logarithm of each token's probability, and of this many of the likeliest ones; 0: of the token alone. */
  logProbabilities?: number;
  /** Ends the text before the next token. Ranks that generate together have to end at the same one. */
  signal?: AbortSignal;
}

/** Options of `generate`. */
export interface GenerateOptions extends TextOptions {
  /** Gets each token as soon as it is chosen; where it gives false the text ends with that token. */
  onToken?: (token: number) => unknown;
}

const textOptionNames = optionNames<TextOptions>({
  maxNewTokens: true,
  seed: true,
  stopTokens: true,
  stopTexts: true,
  decode: true,
  logProbabilities: true,
  signal: true,
  temperature: true,
  topK: true,
  topP: true,
  minP: true,
  typicalP: true,
  repetitionPenalty: true,
  frequencyPenalty: true,
  presencePenalty: true,
  logitBias: true,
});

/** Most of the likeliest tokens that are told of each token. */
const mostTop = 100;

/**
 * Checks a prompt and what is asked for.
 *
 * @throws ArgumentError naming what is wrong: an empty prompt, an id outside of the vocabulary, an option that there is not
 *   or that can't be
 */
export function checkTextOptions(prompt: readonly number[], options: TextOptions, vocabSize: number): void {
  expectKnownOptions('generate', options, textOptionNames);
  const { maxNewTokens, stopTokens = [], stopTexts = [], decode, logProbabilities, logitBias = {} } = options;
  checkIds('prompt', prompt, vocabSize);
  if (prompt.length === 0) throw new ArgumentError('prompt: expected at least one token, got none');
  checkIds('stopTokens', stopTokens, vocabSize);
  checkIds('logitBias', Object.keys(logitBias).map(Number), vocabSize);
  checkSampling(options);
  expectWholeNumber('maxNewTokens', maxNewTokens);
  if (stopTexts.includes('')) throw new ArgumentError("stopTexts: expected texts of at least one character, got ''");
  if (stopTexts.length > 0 && !decode)
    throw new ArgumentError('decode: expected a function beside stopTexts, got none');
  if (logProbabilities !== undefined) {
    expectWholeNumber('logProbabilities', logProbabilities);
    if (logProbabilities > mostTop)
      throw new ArgumentError(`logProbabilities: expected at most ${mostTop}, got ${logProbabilities}`);
  }
}

function checkIds(what: string, ids: readonly number[], vocabSize: number): void {
  const foreign = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
  if (foreign !== undefined)
    throw new ArgumentError(`${what}: expected ids from 0 to ${vocabSize - 1}, got ${foreign}`);
}
