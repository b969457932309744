import { ArgumentError } from '@scmoe/errors';
import { RandomStream } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { checkSampling, sampleToken, type SamplingOptions } from './sampleToken.js';

/** Options of `generate`. */
export interface GenerateOptions extends SamplingOptions {
  maxNewTokens: number;
  /** The same seed, prompt and options give the same text. */
  seed?: number;
  /** Gets each token as soon as it is chosen. */
  onToken?: (token: number) => void;
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
  { maxNewTokens, seed = 0, onToken, ...sampling }: GenerateOptions,
): Promise<number[]> {
  checkPrompt(prompt, model.vocabSize);
  checkSampling(sampling);
  if (!Number.isInteger(maxNewTokens) || maxNewTokens < 0) {
    throw new ArgumentError(`maxNewTokens: expected an integer >= 0, got ${maxNewTokens}`);
  }

  const random = new RandomStream({ seed });
  const tokens = [...prompt];
  let next = tokens.slice(-model.sequenceLength);
  let past: Cache | undefined;
  try {
    for (let i = 0; i < maxNewTokens; i++) {
      if (past && past.length + next.length > model.sequenceLength) {
        tf.dispose(past);
        past = undefined;
        next = tokens.slice(-Math.ceil(model.sequenceLength / 2));
      }
      const { logits, cache } = model.nextToken(next, past);
      tf.dispose(past);
      past = cache;
      const token = sampleToken((await logits.data()) as Float32Array, sampling, random.uniform());
      logits.dispose();
      tokens.push(token);
      next = [token];
      onToken?.(token);
    }
  } finally {
    tf.dispose(past);
  }
  return tokens.slice(prompt.length);
}

function checkPrompt(prompt: readonly number[], vocabSize: number): void {
  if (prompt.length === 0) throw new ArgumentError('prompt: expected at least one token, got none');
  const foreign = prompt.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
  if (foreign !== undefined) throw new ArgumentError(`prompt: expected ids from 0 to ${vocabSize - 1}, got ${foreign}`);
}
