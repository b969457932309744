import type { GeneratedToken, TokenLogProbabilities } from '@scmoe/models';
import type { Tokenizer } from '@scmoe/trainer';

import { controlTokens } from '../chat/controlTokens.js';

/** A token of a chat with its logarithm. */
interface ChatToken {
  token: string;
  logprob: number;
  /** UTF-8; null where the token alone is no whole characters. */
  bytes: number[] | null;
}

/** Log probabilities as chat answers have them. */
export interface ChatLogprobs {
  content: (ChatToken & { top_logprobs: ChatToken[] })[];
  refusal: null;
}

/** Log probabilities as completions have them. */
export interface CompletionLogprobs {
  tokens: string[];
  token_logprobs: number[];
  top_logprobs: Record<string, number>[];
  text_offset: number[];
}

/** JSON has no infinities: what can't come is told as the least that the API tells. */
const least = -9999;

/** Texts of single tokens, control tokens by their names, and log probabilities in the forms of the API. */
export class TokenForms {
  private readonly names: ReadonlyMap<number, string>;

  constructor(private readonly tokenizer: Tokenizer) {
    const names = new Map(controlTokens(tokenizer).map(({ id, content }) => [id, content]));
    const { endOfText } = tokenizer;
    if (endOfText !== undefined && !names.has(endOfText)) names.set(endOfText, '<|endoftext|>');
    this.names = names;
  }

  text(token: number): string {
    return this.names.get(token) ?? this.tokenizer.decode([token]);
  }

  chat(tokens: readonly GeneratedToken[]): ChatLogprobs {
    return {
      content: logged(tokens).map(({ token, of }) => ({
        ...this.chatToken(token, of.logProbability),
        top_logprobs: of.top.map((top) => this.chatToken(top.token, top.logProbability)),
      })),
      refusal: null,
    };
  }

  /** @param offset characters of the text before these tokens */
  completion(tokens: readonly GeneratedToken[], offset: number): CompletionLogprobs {
    const all = logged(tokens);
    const texts = all.map(({ token }) => this.text(token));
    let at = offset;
    return {
      tokens: texts,
      token_logprobs: all.map(({ of }) => finite(of.logProbability)),
      top_logprobs: all.map(({ of }) =>
        Object.fromEntries(of.top.map((top) => [this.text(top.token), finite(top.logProbability)])),
      ),
      text_offset: texts.map((text) => {
        const begin = at;
        at += text.length;
        return begin;
      }),
    };
  }

  private chatToken(token: number, logProbability: number): ChatToken {
    const text = this.text(token);
    const bytes = text.includes('\ufffd') ? null : [...Buffer.from(text)];
    return { token: text, logprob: finite(logProbability), bytes };
  }
}

function logged(tokens: readonly GeneratedToken[]): { token: number; of: TokenLogProbabilities }[] {
  return tokens.flatMap(({ token, logProbabilities: of }) => (of ? [{ token, of }] : []));
}

function finite(logProbability: number): number {
  return Math.max(least, logProbability);
}
