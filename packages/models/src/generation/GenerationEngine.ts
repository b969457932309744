import {
  expectKnownOptions,
  expectPositiveInteger,
  expectThat,
  expectWholeNumber,
  optionNames,
  ScmoeError,
} from '@scmoe/errors';
import { copyBytes, nextTurn } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

import { ActiveSequence } from './ActiveSequence.js';
import { chooseBatch, type BatchLimits } from './chooseBatch.js';
import type { GeneratedText } from './GeneratedText.js';
import { checkTextOptions, type TextOptions } from './GenerateOptions.js';
import { QueueFullError, SequenceLengthError } from './generationErrors.js';
import { PrefixCache } from './PrefixCache.js';
import { SamplingMemory } from './SamplingMemory.js';
import type { SequencePart, SequencePredictor } from './SequencePredictor.js';

/** How many texts are generated at once, and in what portions prompts are read. */
export interface GenerationEngineOptions {
  /** The most texts that are generated at once; others wait. Default: 32. */
  maxSequences?: number;
  /** The most texts that wait; one more is refused. Default: no limit. */
  maxWaiting?: number;
  /**
   * Prompts are read in chunks of this many tokens, counted from their beginning, so that the texts of others go on between
   * them. Default: 512.
   */
  chunkTokens?: number;
  /** Tokens of beginnings of prompts whose keys and values are kept for prompts that begin alike. Default: 0, none. */
  prefixCacheTokens?: number;
  /**
   * What happens where the model can look at no more tokens: `end` ends the text, and refuses a prompt as long as that;
   * `slide` reads the later half of the sequence again and goes on. Default: end.
   */
  beyondSequence?: 'end' | 'slide';
  /**
   * The most texts of a step: those whose next tokens go to the same experts take part together, and the others wait. For models
   * with a router ahead, which know that before they compute a token. Default: all texts take part in each step.
   */
  stepTexts?: number;
  /** The most steps that a text waits for its next token, with `stepTexts`. Default: 8. */
  maxWaitSteps?: number;
}

/** What an engine does, and has done. */
export interface GenerationStatistics {
  /** Texts that take part in steps now, and those that wait. */
  numRunning: number;
  numWaiting: number;
  /** Bytes of keys and values of running texts, with room, and of beginnings that are kept. */
  cacheBytes: number;
  prefixCacheBytes: number;
  /**
   * Sums since the engine was made: passes of the model, tokens of the prompts that joined, those of them that were taken over
   * from other prompts, and tokens written.
   */
  numSteps: number;
  numPromptTokens: number;
  numReusedTokens: number;
  numGeneratedTokens: number;
}

const engineOptionNames = optionNames<GenerationEngineOptions>({
  maxSequences: true,
  maxWaiting: true,
  chunkTokens: true,
  prefixCacheTokens: true,
  beyondSequence: true,
  stepTexts: true,
  maxWaitSteps: true,
});

/** The limits of steps by experts, where there are any. @throws ArgumentError where the model or the limits have no such steps */
function batchLimits(
  { readRoutes }: SequencePredictor,
  { stepTexts, maxWaitSteps }: GenerationEngineOptions,
  maxSequences: number,
): BatchLimits | undefined {
  if (stepTexts === undefined) {
    expectThat(maxWaitSteps === undefined, 'maxWaitSteps', 'none without stepTexts', maxWaitSteps);
    return undefined;
  }
  expectPositiveInteger('stepTexts', stepTexts);
  expectWholeNumber('maxWaitSteps', maxWaitSteps ?? 0);
  expectThat(
    readRoutes !== undefined,
    'stepTexts',
    'none for a model whose routers are in its layers (routerAhead)',
    stepTexts,
  );
  const limits = { stepTexts, maxWaitSteps: maxWaitSteps ?? defaultWaitSteps };
  const most = stepTexts * (limits.maxWaitSteps + 1);
  expectThat(maxSequences <= most, 'maxSequences', `at most stepTexts * (maxWaitSteps + 1) = ${most}`, maxSequences);
  return limits;
}

/** How many steps a text may wait, where nothing is said of that. */
const defaultWaitSteps = 8;

/** A connection takes one turn of the event loop to be accepted, one to be read and one to be answered. */
const turnsBetweenSteps = 3;
/** The most turns where texts keep coming. */
const mostTurnsBetweenSteps = 256;

/**
 * Generates several texts at once with continuous batching (Orca, Yu et al., OSDI 2022): each step is one pass of the model
 * over the next token of every text and a chunk of a prompt, and texts join and leave between steps. A text has the same
 * tokens whoever else is there: attention and the choice of experts look at one sequence alone, and rows of products don't
 * depend on each other. Where the products are our own the scores are the same bit for bit; oneDNN's, with AVX-512, may sum a
 * row in another order when there are more rows: scores are then the same within float32 rounding.
 *
 * It works while texts are on their way, some turns of the event loop between steps: more while texts come in, for a turn accepts one
 * connection alone.
 */
export class GenerationEngine {
  private readonly maxSequences: number;
  private readonly maxWaiting: number;
  private readonly chunkTokens: number;
  private readonly slides: boolean;
  private readonly keepsPrefixes: boolean;
  private readonly prefixes: PrefixCache;
  /** How texts are put together by their experts; undefined where all take part in each step. */
  private readonly limits: BatchLimits | undefined;
  private readonly restartLength: number;
  private readonly waiting: ActiveSequence[] = [];
  private running: ActiveSequence[] = [];
  private readonly memory = new SamplingMemory();
  private scores = new Float32Array();
  private isClosed = false;
  private numAsked = 0;
  private loop: Promise<void> | undefined;
  private readonly sums = { numSteps: 0, numPromptTokens: 0, numReusedTokens: 0, numGeneratedTokens: 0 };

  /** @throws ArgumentError naming the option that there is not or that can't be */
  constructor(
    private readonly model: SequencePredictor,
    options: GenerationEngineOptions = {},
  ) {
    expectKnownOptions('GenerationEngine', options, engineOptionNames);
    const { maxSequences = 32, maxWaiting, chunkTokens = 512, prefixCacheTokens = 0, beyondSequence = 'end' } = options;
    expectPositiveInteger('maxSequences', maxSequences);
    if (maxWaiting !== undefined) expectWholeNumber('maxWaiting', maxWaiting);
    expectPositiveInteger('chunkTokens', chunkTokens);
    expectWholeNumber('prefixCacheTokens', prefixCacheTokens);
    this.maxSequences = maxSequences;
    this.maxWaiting = maxWaiting ?? Infinity;
    this.chunkTokens = chunkTokens;
    this.slides = beyondSequence === 'slide';
    this.restartLength = model.restartLength ?? Infinity;
    this.keepsPrefixes = prefixCacheTokens > 0 && this.restartLength === Infinity;
    this.prefixes = new PrefixCache(prefixCacheTokens, chunkTokens);
    this.limits = batchLimits(model, options, maxSequences);
  }

  /** What is going on, and what was done since the engine was made. */
  get statistics(): GenerationStatistics {
    return {
      numRunning: this.running.length,
      numWaiting: this.waiting.length,
      cacheBytes: this.running.reduce((sum, { cache }) => sum + (cache?.numBytes ?? 0), 0),
      prefixCacheBytes: this.prefixes.numBytes,
      ...this.sums,
    };
  }

  /**
   * Continues a prompt. The text comes as the result is read, in steps with all other texts.
   *
   * @throws SequenceLengthError where the prompt fills the longest sequence of the model; QueueFullError where too many texts
   *   wait; ArgumentError for an empty prompt, an id outside of the vocabulary, an unknown or impossible option
   */
  start(prompt: readonly number[], options: TextOptions): GeneratedText {
    const { vocabSize, sequenceLength } = this.model;
    this.numAsked++;
    checkTextOptions(prompt, options, vocabSize);
    if (this.isClosed) throw new ScmoeError('The generator is closed: it takes no more prompts.');
    if (!this.slides && prompt.length >= sequenceLength) throw new SequenceLengthError(prompt.length, sequenceLength);
    const sequence = new ActiveSequence(prompt, options, this.memory);
    if (options.maxNewTokens === 0) {
      sequence.finish('maxNewTokens');
      return sequence.text;
    }
    const numTexts = this.running.length + this.waiting.length;
    if (numTexts >= this.maxSequences + this.maxWaiting) throw new QueueFullError(this.maxWaiting);
    this.waiting.push(sequence);
    this.loop ??= this.run();
    return sequence.text;
  }

  /** Ends all texts, frees all memory and takes no more prompts. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.loop;
    this.prefixes.dispose();
  }

  private async run(): Promise<void> {
    // Texts that are started together take part in the first step together.
    await Promise.resolve();
    while (this.waiting.length + this.running.length > 0) {
      this.removeEnded();
      this.admit();
      if (this.running.length > 0) await this.step();
      await this.listen();
    }
    this.loop = undefined;
  }

  /** Lets the event loop turn until nobody has asked for a text in the last turns. */
  private async listen(): Promise<void> {
    let quietTurns = 0;
    for (let turn = 0; turn < mostTurnsBetweenSteps && quietTurns < turnsBetweenSteps; turn++) {
      const { numAsked } = this;
      await nextTurn();
      quietTurns = this.numAsked > numAsked ? 0 : quietTurns + 1;
    }
  }

  private removeEnded(): void {
    const isOver = (sequence: ActiveSequence) => {
      if (sequence.text.hasEnded) return true;
      if (!this.isClosed && !sequence.isAborted) return false;
      sequence.finish('aborted');
      return true;
    };
    this.running = this.running.filter((sequence) => !isOver(sequence));
    const stillWaiting = this.waiting.filter((sequence) => !isOver(sequence));
    this.waiting.splice(0, this.waiting.length, ...stillWaiting);
  }

  private admit(): void {
    while (this.waiting.length > 0 && this.running.length < this.maxSequences) {
      const sequence = this.waiting.shift()!;
      if (this.slides && sequence.length > this.model.sequenceLength) sequence.keepLast(this.model.sequenceLength);
      const known = this.prefixes.take(sequence.tokensFrom(0, sequence.length));
      this.sums.numPromptTokens += sequence.text.numPromptTokens;
      this.sums.numReusedTokens += known?.length ?? 0;
      sequence.cache = known ?? this.model.createCache();
      this.running.push(sequence);
    }
  }

  /** One pass of the model: the next token of every text, and the next chunk of the prompt that came first. */
  private async step(): Promise<void> {
    const taking: { sequence: ActiveSequence; part: SequencePart }[] = [];
    let promptTokens = 0;
    const able = this.running.filter((sequence) => this.makeRoom(sequence));
    const waiting = this.limits && (await this.waitingAfter(able, this.limits));
    for (const sequence of able) {
      if (sequence.text.hasEnded || waiting?.has(sequence)) continue;
      const isPrompt = sequence.isPrefilling;
      if (isPrompt && promptTokens > 0 && promptTokens >= this.chunkTokens) continue;
      const part = this.nextPart(sequence);
      // Short prompts share a step up to the size of a chunk; whole ones, for a cut depends on the sequence alone.
      if (isPrompt && promptTokens > 0 && promptTokens + part.ids.length > this.chunkTokens) continue;
      if (isPrompt) promptTokens += part.ids.length;
      taking.push({ sequence, part });
    }
    if (taking.length === 0) return;
    this.sums.numSteps++;
    for (const { sequence } of taking) [sequence.route, sequence.waitedSteps] = [undefined, 0];
    try {
      const parts = taking.map(({ part }) => part);
      const scores = this.model.advance(parts);
      if (this.keepsPrefixes) this.markChunks(taking.map(({ sequence }) => sequence));
      if (!scores) return;
      const values = await this.valuesOf(scores);
      scores.dispose();
      this.takeTokens(
        taking.filter(({ part }) => part.wantsScores).map(({ sequence }) => sequence),
        values,
      );
    } catch (error) {
      for (const { sequence } of taking) sequence.fail(error);
    }
  }

  /** The scores, until the next step: fresh memory for each would have the garbage collector come by all the time. */
  private async valuesOf(scores: tf.Tensor): Promise<Float32Array> {
    if (this.scores.length !== scores.size) this.scores = new Float32Array(scores.size);
    await copyBytes(scores, new Uint8Array(this.scores.buffer));
    return this.scores;
  }

  /** Whether the model can look at one token more of the sequence; ends the text where it can't. */
  private makeRoom(sequence: ActiveSequence): boolean {
    const { sequenceLength } = this.model;
    if (sequence.length <= sequenceLength) return true;
    if (this.slides) {
      sequence.keepLast(Math.ceil(sequenceLength / 2));
      return true;
    }
    sequence.finish('sequenceLength');
    return false;
  }

  /** The tokens that the sequence brings to the next step: up to the end of a chunk. */
  private nextPart(sequence: ActiveSequence): SequencePart {
    const cache = sequence.cache!;
    const isLong = sequence.length > this.restartLength;
    if (isLong && cache.length <= this.restartLength) cache.dispose();
    const begin = cache.length;
    const endOfChunk = begin - (begin % this.chunkTokens) + this.chunkTokens;
    const end = Math.min(sequence.length, isLong ? Math.max(endOfChunk, this.restartLength + 1) : endOfChunk);
    const { route } = sequence;
    return {
      ids: sequence.tokensFrom(begin, end),
      cache,
      wantsScores: end === sequence.length,
      ...(route && { route }),
    };
  }

  /** The texts that a step goes by without, so that it needs few experts. Their tokens are routed, which the step then needs not. */
  private async waitingAfter(
    sequences: readonly ActiveSequence[],
    limits: BatchLimits,
  ): Promise<ReadonlySet<ActiveSequence>> {
    const writing = sequences.filter(({ isPrefilling }) => !isPrefilling);
    const fresh = writing.filter(({ route }) => !route);
    try {
      const parts = fresh.map((sequence) => this.nextPart(sequence));
      const routes = parts.length > 0 ? await this.model.readRoutes!(parts) : [];
      routes.forEach((route, i) => (fresh[i]!.route = route));
    } catch (error) {
      for (const sequence of fresh) sequence.fail(error);
    }
    const routed = writing.filter(({ route }) => route);
    const texts = routed.map(({ route, waitedSteps }) => ({ experts: route!.experts, waitedSteps }));
    const chosen = new Set(chooseBatch(texts, limits));
    const left = routed.filter((_, place) => !chosen.has(place));
    for (const sequence of left) sequence.waitedSteps++;
    return new Set(left);
  }

  /** Remembers states behind whole chunks of prompts, where a beginning may end that others take over. */
  private markChunks(sequences: readonly ActiveSequence[]): void {
    for (const { cache, text } of sequences)
      if (cache!.length <= text.numPromptTokens && cache!.length % this.chunkTokens === 0) cache!.mark();
  }

  /** Keeps the beginning of a prompt that has been read. */
  private keepPrefix(sequence: ActiveSequence): void {
    this.prefixes.add(sequence.tokensFrom(0, sequence.text.numPromptTokens), sequence.cache!);
    sequence.cache!.clearMarks();
  }

  private takeTokens(sequences: readonly ActiveSequence[], scores: Float32Array): void {
    const { vocabSize } = this.model;
    sequences.forEach((sequence, row) => {
      try {
        const { numPromptTokens } = sequence.text;
        if (this.keepsPrefixes && sequence.length === numPromptTokens) this.keepPrefix(sequence);
        const reason = sequence.take(scores.subarray(row * vocabSize, (row + 1) * vocabSize));
        if (reason !== 'stopToken') this.sums.numGeneratedTokens++;
        if (reason !== undefined) sequence.finish(reason);
      } catch (error) {
        // Scores that are no numbers, or a decoder that throws: the text of others goes on.
        sequence.fail(error);
      }
    });
  }
}
