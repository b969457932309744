import type { Gpt } from '@scmoe/models';
import type { evaluate, TokenBatch } from '@scmoe/trainer';

/** A model as `evaluate` takes it, for its cross-entropy alone. */
export function crossEntropyOf(model: Gpt): Parameters<typeof evaluate<TokenBatch>>[0] {
  return {
    variables: model.variables,
    loss: (batch) => {
      const { crossEntropy } = model.loss(batch);
      return { loss: crossEntropy, metrics: {} };
    },
  };
}
