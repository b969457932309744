import type { GeneratedText, GeneratedToken } from '@scmoe/models';

import type { AnswerForm, FinishedChoice, Usage } from '../api/AnswerForm.js';
import { toApiError } from '../api/toApiError.js';
import type { EventStream } from './EventStream.js';

/** How texts become an answer. */
export interface AnswerOptions {
  form: AnswerForm;
  /** Prompts that the texts belong to, so many texts each. */
  numChoices: number;
  withLogprobs: boolean;
  includeUsage: boolean;
  /** Ended by the client that left, the time that is over, or the server that ends: with the error to answer, if any. */
  signal: AbortSignal;
  onFirstToken: () => void;
}

/** Reads texts to their ends, all at once. @throws what ends one of them, after it has ended the others */
export async function answerWhole(texts: readonly GeneratedText[], options: AnswerOptions): Promise<object> {
  const choices = await readAll(texts, options, async () => Promise.resolve());
  return options.form.whole(choices, usageOf(texts, choices, options));
}

/** The same in chunks as they come. What goes wrong is said in the stream, which then ends without `[DONE]`. */
export async function answerStream(
  texts: readonly GeneratedText[],
  stream: EventStream,
  options: AnswerOptions,
): Promise<void> {
  const { form, withLogprobs, includeUsage } = options;
  try {
    for (let index = 0; index < texts.length; index++) {
      const first = form.first(index);
      if (first) await stream.send(first);
    }
    const choices = await readAll(texts, options, async (index, piece, offset) => {
      if ('reason' in piece) {
        if (piece.text !== '') await stream.send(form.piece({ index, text: piece.text, offset }));
        return stream.send(form.last(index, piece.reason));
      }
      if (piece.text === '' && !withLogprobs) return;
      return stream.send(form.piece({ index, text: piece.text, tokens: [piece], offset }));
    });
    if (includeUsage) await stream.send(form.usage(usageOf(texts, choices, options)));
    await stream.done();
  } catch (error) {
    await stream.send(toApiError(error).body);
    stream.end();
  }
}

type Piece = GeneratedToken | { text: string; reason: FinishedChoice['reason'] };

async function readAll(
  texts: readonly GeneratedText[],
  { signal, withLogprobs, onFirstToken }: AnswerOptions,
  onPiece: (index: number, piece: Piece, offset: number) => Promise<void>,
): Promise<FinishedChoice[]> {
  let isFirst = true;
  const read = async (text: GeneratedText, index: number): Promise<FinishedChoice> => {
    const tokens: GeneratedToken[] = [];
    let whole = '';
    for await (const token of text) {
      if (isFirst) onFirstToken();
      isFirst = false;
      // Only their number counts without log probabilities.
      tokens.push(withLogprobs ? token : noText);
      await onPiece(index, token, whole.length);
      whole += token.text;
    }
    const { reason, text: rest } = await text.end;
    if (reason === 'aborted') throw signal.reason;
    await onPiece(index, { reason, text: rest }, whole.length);
    return { text: whole + rest, tokens, reason };
  };
  try {
    return await Promise.all(texts.map(read));
  } catch (error) {
    for (const text of texts) text.abort();
    throw error;
  }
}

const noText: GeneratedToken = { token: 0, text: '' };

function usageOf(
  texts: readonly GeneratedText[],
  choices: readonly FinishedChoice[],
  { numChoices }: AnswerOptions,
): Usage {
  // Each prompt counts once, whatever is asked for it.
  const prompt = texts.filter((_, i) => i % numChoices === 0).reduce((sum, text) => sum + text.numPromptTokens, 0);
  const completion = choices.reduce((sum, { tokens }) => sum + tokens.length, 0);
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}
