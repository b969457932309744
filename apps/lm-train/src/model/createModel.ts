import { UserError } from '@scmoe/errors';
import { type DispatchOptions, Gpt } from '@scmoe/models';
import { type TokenBatch, type Trainable } from '@scmoe/trainer';

import type { ModelOptions } from '../options/modelOptions.js';
import type { RouterBalancer } from '../run/RouterBalancer.js';
import { gptConfig } from './gptConfig.js';

/**
 * Builds the model that the options describe.
 *
 * @param experts this rank's place among those that share the experts; by default it has them all
 * @throws UserError when they can't be combined (heads that do not divide the width, more choices than experts, ...).
 */
export function createModel(
  options: ModelOptions,
  vocabSize: number,
  seed: number,
  experts?: { rank: number; size: number },
): Gpt {
  try {
    const shard = experts && { rank: experts.rank, size: experts.size };
    return new Gpt(gptConfig(options, vocabSize), { seed, ...(shard && { experts: shard }) });
  } catch (error) {
    throw new UserError(`The model can't be built: ${(error as Error).message}`, { exitCode: 2, cause: error });
  }
}

/** The model as the trainer sees it. The balancer hears of the routings of training. */
export function trainable(
  model: Gpt,
  { balancer, ...dispatch }: DispatchOptions & { balancer?: RouterBalancer } = {},
): Trainable<TokenBatch> {
  return {
    variables: model.variables,
    loss: ({ ids, targets }, { training, seed }) => {
      const { loss, crossEntropy, loadBalance, routings } = model.loss(
        { ids, targets },
        { training, dropoutSeed: seed, ...dispatch },
      );
      if (training) balancer?.add(routings);
      return { loss, metrics: { crossEntropy, loadBalance } };
    },
  };
}
