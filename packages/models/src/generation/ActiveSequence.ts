import { RandomStream } from '@scmoe/tensor';

import { GeneratedText, type EndReason } from './GeneratedText.js';
import type { TextOptions } from './GenerateOptions.js';
import { logProbabilities } from './logProbabilities.js';
import type { SamplingMemory } from './SamplingMemory.js';
import type { TokenRoute } from './SequencePredictor.js';
import type { SequenceCache } from './SequenceCache.js';
import { StopFinder } from './StopFinder.js';
import { TokenSampler } from './TokenSampler.js';

/** A text on its way: its tokens, which of them the model has seen, and how the next one is drawn. */
export class ActiveSequence {
  readonly text: GeneratedText;
  /** What the model has seen; its own once the sequence takes part in steps. */
  cache: SequenceCache | undefined;
  /** Where its next token goes, once that is known. */
  route: TokenRoute | undefined;
  /** Steps that have gone by without it since then. */
  waitedSteps = 0;

  /** Prompt and text. */
  private readonly tokens: number[];
  /** Index of the first of `tokens` that is in the cache; more than 0 after the sequence was read again from its later half. */
  private start = 0;
  private numNew = 0;
  private readonly sampler: TokenSampler;
  private readonly random: RandomStream;
  private readonly finder: StopFinder;

  constructor(
    prompt: readonly number[],
    private readonly options: TextOptions,
    memory: SamplingMemory,
  ) {
    this.tokens = [...prompt];
    this.text = new GeneratedText(prompt.length);
    this.sampler = new TokenSampler(options, prompt, memory);
    this.random = new RandomStream({ seed: options.seed ?? 0 });
    this.finder = new StopFinder(options.stopTexts ?? []);
  }

  /** The most tokens that the cache may come to hold. */
  get mostTokens(): number {
    return this.text.numPromptTokens + this.options.maxNewTokens;
  }

  get isAborted(): boolean {
    return this.text.isAbandoned || this.options.signal?.aborted === true;
  }

  /** Tokens of the sequence as the cache counts them: those that are there, and those that come next. */
  get length(): number {
    return this.tokens.length - this.start;
  }

  /** Whether the prompt is still read, all of it but its last token having been asked for. */
  get isPrefilling(): boolean {
    return this.length - this.cache!.length > 1;
  }

  /** The tokens from `begin` to `end`, as the cache counts them. */
  tokensFrom(begin: number, end: number): number[] {
    return this.tokens.slice(this.start + begin, this.start + end);
  }

  /** Forgets all but the last `count` tokens; the cache is empty then. */
  keepLast(count: number): void {
    this.cache?.dispose();
    this.route = undefined;
    this.start = Math.max(0, this.tokens.length - count);
  }

  /** Draws the next token from its scores (vocabSize), and hands it over. @returns why the text ends with it, if it does */
  take(scores: Float32Array): EndReason | undefined {
    const { stopTokens = [], maxNewTokens, decode, logProbabilities: numTop } = this.options;
    const token = this.sampler.next(scores, this.random.uniform());
    if (stopTokens.includes(token)) return 'stopToken';
    this.tokens.push(token);
    this.numNew++;
    const text = decode ? this.finder.push(decode(token)) : '';
    const likely = numTop === undefined ? undefined : logProbabilities(scores, token, numTop);
    this.text.push({ token, text, ...(likely && { logProbabilities: likely }) });
    if (this.finder.found) return 'stopText';
    return this.numNew >= maxNewTokens ? 'maxNewTokens' : undefined;
  }

  /** The text has ended, of itself or because nobody wants more. */
  finish(reason: EndReason): void {
    try {
      // A decoder that holds back half a character may complete a stop text with it.
      const rest = this.options.decode && reason !== 'stopText' ? this.finder.push(this.options.decode()) : '';
      this.text.finish({ reason: this.finder.found ? 'stopText' : reason, text: rest + this.finder.rest() });
      this.cache?.dispose();
    } catch (error) {
      this.fail(error);
    }
  }

  /** The text can't go on. */
  fail(error: unknown): void {
    this.text.fail(error);
    this.cache?.dispose();
  }
}
