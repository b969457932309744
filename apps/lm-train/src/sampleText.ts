import { UserError } from '@scmoe/errors';
import { type DispatchOptions, type LanguageModel, type SamplingOptions, StopFinder } from '@scmoe/models';
import { streamDecoder, type Tokenizer } from '@scmoe/trainer';

export interface SampleTextOptions extends SamplingOptions, Pick<DispatchOptions, 'dispatcher' | 'overlap'> {
  maxTokens: number;
  seed: number;
  /** Strings before which the text ends. */
  stop?: readonly string[];
  /** Tokens that end a document; by default that of the tokenizer. */
  endTokens?: readonly number[];
  /** Whether the prompt begins with what the tokenizer puts before a text; by default it does not. */
  addSpecialTokens?: boolean;
  /** The text ends where the model ends a document; else an empty line stands there, and it goes on. */
  stopAtEnd?: boolean;
}

/**
 * Continues a prompt, text or tokens, and hands each piece of text over as it comes.
 *
 * @throws UserError when the prompt is empty and the vocabulary has no token to start from.
 */
export async function sampleText(
  model: Pick<LanguageModel<object>, 'generate'>,
  tokenizer: Tokenizer,
  prompt: string | readonly number[],
  { maxTokens, seed, stop = [], stopAtEnd = false, endTokens, addSpecialTokens, ...sampling }: SampleTextOptions,
  onText: (text: string) => void,
): Promise<number> {
  const ends = endTokens ?? (tokenizer.endOfText === undefined ? [] : [tokenizer.endOfText]);
  const ids =
    typeof prompt === 'string' ? Array.from(tokenizer.encode(Buffer.from(prompt), { addSpecialTokens })) : [...prompt];
  // In training every document follows the end of another one, so that token starts a new text.
  if (ids.length === 0 && tokenizer.endOfText !== undefined) ids.push(tokenizer.endOfText);
  if (ids.length === 0) throw new UserError('--prompt: expected at least one character, got none.', { exitCode: 2 });
  const decode = streamDecoder(tokenizer);
  const finder = new StopFinder(stop);
  const write = (text: string) => {
    if (text !== '') onText(text);
  };
  let numTokens = 0;
  await model.generate(ids, {
    ...sampling,
    maxNewTokens: maxTokens,
    stopTokens: stopAtEnd ? [...ends] : [],
    seed,
    onToken: (id: number) => {
      numTokens++;
      write(finder.push(ends.includes(id) ? '\n\n' : decode(id)));
      return !finder.found;
    },
  });
  write(finder.push(decode()) + finder.rest());
  return numTokens;
}
