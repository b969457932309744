import type { TokenLogProbabilities } from './logProbabilities.js';

/** A token of a text that is being generated. */
export interface GeneratedToken {
  token: number;
  /** The text that can be written with this token; '' where it completes none, or no `decode` was given. */
  text: string;
  /** How likely it was, with the option `logProbabilities`. */
  logProbabilities?: TokenLogProbabilities;
}

/**
 * Why a text ended: at one of its stop tokens or stop texts, after `maxNewTokens`, where the model can look at no more tokens,
 * or because its signal, its reader or the generator ended it.
 */
export type EndReason = 'stopToken' | 'stopText' | 'maxNewTokens' | 'sequenceLength' | 'aborted';

/** How a text ended. */
export interface GeneratedEnd {
  reason: EndReason;
  /** What had been held back, in case it became a character or a stop text; written behind the last token's text. */
  text: string;
}

/**
 * A text that is being generated: its tokens as they come, for one reader, and its end. A reader that leaves the loop ends
 * the text. An error is thrown to the reader and rejects `end`.
 */
export class GeneratedText implements AsyncIterable<GeneratedToken> {
  /** Tokens of the prompt. */
  readonly numPromptTokens: number;
  /** Resolves when the text has ended, whether its tokens were read or not. */
  readonly end: Promise<GeneratedEnd>;

  private readonly unread: GeneratedToken[] = [];
  private ended: { value: GeneratedEnd } | { error: unknown } | undefined;
  private isLeft = false;
  private resolveEnd!: (end: GeneratedEnd) => void;
  private rejectEnd!: (error: unknown) => void;
  private wake: (() => void) | undefined;

  constructor(numPromptTokens: number) {
    this.numPromptTokens = numPromptTokens;
    this.end = new Promise((resolve, reject) => {
      this.resolveEnd = resolve;
      this.rejectEnd = reject;
    });
    // Whoever reads the tokens hears of an error there.
    this.end.catch(() => undefined);
  }

  /** Whether nobody waits for more. */
  get isAbandoned(): boolean {
    return this.isLeft;
  }

  /** Whether the text has ended. */
  get hasEnded(): boolean {
    return this.ended !== undefined;
  }

  /** Ends the text before its next token. */
  abort(): void {
    this.isLeft = true;
  }

  /** Gives the tokens as they come; for one reader. @throws what keeps the text from going on */
  async *[Symbol.asyncIterator](): AsyncGenerator<GeneratedToken, void> {
    try {
      for (;;) {
        while (this.unread.length > 0) yield this.unread.shift()!;
        if (this.ended) {
          if ('error' in this.ended) throw this.ended.error;
          return;
        }
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
    } finally {
      this.isLeft = true;
    }
  }

  /** Hands a token over to the reader; for the generator. */
  push(token: GeneratedToken): void {
    this.unread.push(token);
    this.wake?.();
  }

  /** Says that the text has ended; for the generator. */
  finish(end: GeneratedEnd): void {
    if (this.ended) return;
    this.ended = { value: end };
    this.resolveEnd(end);
    this.wake?.();
  }

  /** Says that the text can't go on; for the generator. */
  fail(error: unknown): void {
    if (this.ended) return;
    this.ended = { error };
    this.rejectEnd(error);
    this.wake?.();
  }
}
