import { ArgumentError } from '@scmoe/errors';
import { nextTurn, RandomStream } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { SamplingOptions } from './SamplingOptions.js';
import { TokenSampler } from './TokenSampler.js';

/** Options of `generate`. */
export interface GenerateOptions extends SamplingOptions {
  maxNewTokens: number;
  /** The same seed, prompt and options give the same text. */
  seed?: number;
  /** Tokens that end the text; they are no part of it. */
  stopTokens?: readonly number[];
  /** Gets each token as soon as it is chosen; where it gives false the text ends with that token. */
  onToken?: (token: number) => unknown;
  /** Ends the text before the next token. Ranks that generate together have to end at the same one. */
  signal?: AbortSignal;
}

/** A language model as generation sees it. `Cache` holds what the model remembers of the tokens so far. */
export interface TokenPredictor<Cache extends { length: number }> {
  vocabSize: number;
  /** Longest sequence that the model can look at. */
  sequenceLength: number;
  /** Scores (vocabSize) of the token after `ids`, which continue the tokens of `past`. The caller disposes the result. */
  nextToken(ids: readonly number[], past?: Cache): { logits: tf.Tensor1D; cache: Cache };
}

/**
 * Continues a prompt token by token: the prompt in one pass (prefill), then each token alone against the cache.
 * When the sequence is full, the later half of it is read again and goes on from there.
 */
export async function generate<Cache extends { length: number }>(
  model: TokenPredictor<Cache>,
  prompt: readonly number[],
  { maxNewTokens, seed = 0, stopTokens = [], onToken, signal, ...sampling }: GenerateOptions,
): Promise<number[]> {
  checkIds('prompt', prompt, model.vocabSize);
  if (prompt.length === 0) throw new ArgumentError('prompt: expected at least one token, got none');
  checkIds('stopTokens', stopTokens, model.vocabSize);
  checkIds('logitBias', Object.keys(sampling.logitBias ?? {}).map(Number), model.vocabSize);
  const sampler = new TokenSampler(sampling, prompt);
  if (!Number.isInteger(maxNewTokens) || maxNewTokens < 0) {
    throw new ArgumentError(`maxNewTokens: expected an integer >= 0, got ${maxNewTokens}`);
  }

  const random = new RandomStream({ seed });
  const tokens = [...prompt];
  let next = tokens.slice(-model.sequenceLength);
  let past: Cache | undefined;
  try {
    for (let i = 0; i < maxNewTokens && signal?.aborted !== true; i++) {
      if (past && past.length + next.length > model.sequenceLength) {
        tf.dispose(past);
        past = undefined;
        next = tokens.slice(-Math.ceil(model.sequenceLength / 2));
      }
      const { logits, cache } = model.nextToken(next, past);
      tf.dispose(past);
      past = cache;
      const scores = (await logits.data()) as Float32Array;
      logits.dispose();
      await nextTurn();
      const token = sampler.next(scores, random.uniform());
      if (stopTokens.includes(token)) break;
      tokens.push(token);
      next = [token];
      if (onToken?.(token) === false) break;
    }
  } finally {
    tf.dispose(past);
  }
  return tokens.slice(prompt.length);
}

function checkIds(what: string, ids: readonly number[], vocabSize: number): void {
  const foreign = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
  if (foreign !== undefined)
    throw new ArgumentError(`${what}: expected ids from 0 to ${vocabSize - 1}, got ${foreign}`);
}
