import type { GeneratedText, GenerationEngine, TextOptions } from '@scmoe/models';
import { streamDecoder } from '@scmoe/trainer';

import type { CommonRequest } from '../api/commonFields.js';
import type { ServedModel } from '../model/ServedModel.js';

/** Texts that a request asks for: some for each prompt. */
export interface TextRequest extends Pick<CommonRequest, 'numChoices' | 'seed' | 'stopTexts' | 'sampling'> {
  prompts: readonly (readonly number[])[];
  maxNewTokens: number;
  numTop: number | undefined;
}

/**
 * Starts all texts of a request: those of the first prompt first. None is left where one can't be started.
 *
 * @throws what `GenerationEngine.start` throws
 */
export function startTexts(
  engine: GenerationEngine,
  { tokenizer, endTokens }: ServedModel,
  request: TextRequest,
  signal: AbortSignal,
): GeneratedText[] {
  const { prompts, numChoices, seed, stopTexts, sampling, maxNewTokens, numTop } = request;
  const texts: GeneratedText[] = [];
  try {
    for (const prompt of prompts) {
      for (let choice = 0; choice < numChoices; choice++) {
        const options: TextOptions = {
          ...sampling,
          maxNewTokens,
          // A text of its own for each; the first is the one that the seed gives alone.
          seed: seed + texts.length,
          stopTokens: endTokens,
          stopTexts,
          decode: streamDecoder(tokenizer),
          signal,
          ...(numTop !== undefined && { logProbabilities: numTop }),
        };
        texts.push(engine.start(prompt, options));
      }
    }
  } catch (error) {
    for (const text of texts) text.abort();
    throw error;
  }
  return texts;
}
