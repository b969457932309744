import type { Communicator } from '@scmoe/comm';
import { evaluate, sequentialTokenBatches, type TokenBatch, type TokenSequence, type Trainable } from '@scmoe/trainer';

import { bitsPerByte } from '../report/quality.js';

export interface LanguageQuality {
  /** Mean cross-entropy of a token, in nats. */
  loss: number;
  perplexity: number;
  bitsPerByte: number;
  /** How many tokens were predicted. */
  numTokens: number;
}

/**
 * How well a model predicts a sequence, or `maxBatches` batches spread evenly over it. The ranks of `world` share the
 * batches; every one of them calls it.
 */
export async function evaluateLanguage(
  model: Trainable<TokenBatch>,
  sequence: TokenSequence,
  shape: { batchSize: number; sequenceLength: number; maxBatches: number },
  world?: Communicator,
): Promise<LanguageQuality> {
  const { metrics, weight } = await evaluate(model, sequentialTokenBatches(sequence, shape), { world });
  const loss = metrics['crossEntropy']!;
  return { loss, perplexity: Math.exp(loss), bitsPerByte: bitsPerByte(loss, sequence), numTokens: weight };
}
