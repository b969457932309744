import type { Communicator } from '@scmoe/comm';
import {
  evaluate,
  type EvaluationResult,
  sequentialTokenBatches,
  type TokenBatch,
  type TokenSequence,
  type Trainable,
} from '@scmoe/trainer';

import { bitsPerByte } from './report/bitsPerByte.js';

/**
 * How well a model predicts a sequence, or `evalBatches` batches spread evenly over it: its mean cross-entropy of a token
 * in nats, `bitsPerByte`, and how many tokens were predicted as the weight. The ranks of `world` share the batches; every
 * one of them calls it.
 */
export async function evaluateLanguage(
  model: Trainable<TokenBatch>,
  sequence: TokenSequence,
  { evalBatches, ...shape }: { batchSize: number; sequenceLength: number; evalBatches: number },
  world?: Communicator,
): Promise<EvaluationResult> {
  const batches = sequentialTokenBatches(sequence, { ...shape, maxBatches: evalBatches });
  const { metrics, weight } = await evaluate(model, batches, { world });
  const loss = metrics['crossEntropy']!;
  // Of a student, how far it is from its teacher.
  const { crossEntropy: _, loadBalance: __, ...further } = metrics;
  return { loss, metrics: { bitsPerByte: bitsPerByte(loss, sequence), ...further }, weight };
}
