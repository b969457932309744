import { UserError } from '@scmoe/errors';
import type { Gpt } from '@scmoe/models';
import { streamDecoder, type Tokenizer } from '@scmoe/trainer';

export interface SamplingOptions {
  maxTokens: number;
  temperature: number;
  topK?: number;
  topP?: number;
  seed: number;
}

/**
 * Continues a prompt and hands each piece of text over as it comes. Where the model ends a document, an empty line.
 *
 * @throws UserError when the prompt is empty and the vocabulary has no token to start from.
 */
export async function sampleText(
  model: Gpt,
  tokenizer: Tokenizer,
  prompt: string,
  { maxTokens, temperature, topK, topP, seed }: SamplingOptions,
  onText: (text: string) => void,
): Promise<number> {
  const ids = Array.from(tokenizer.encode(Buffer.from(prompt)));
  // In training every document follows the end of another one, so that token starts a new text.
  if (ids.length === 0 && tokenizer.endOfText !== undefined) ids.push(tokenizer.endOfText);
  if (ids.length === 0) throw new UserError('--prompt: expected at least one character, got none.', { exitCode: 2 });
  const decode = streamDecoder(tokenizer);
  let numTokens = 0;
  await model.generate(ids, {
    maxNewTokens: maxTokens,
    temperature,
    ...(topK !== undefined && { topK }),
    ...(topP !== undefined && { topP }),
    seed,
    onToken: (id: number) => {
      numTokens++;
      onText(id === tokenizer.endOfText ? '\n\n' : decode(id));
    },
  });
  return numTokens;
}
