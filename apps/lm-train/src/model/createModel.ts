import { Gpt } from '@scmoe/models';
import { type TokenBatch, type Trainable, UserError } from '@scmoe/trainer';

import type { ModelOptions } from '../options/modelOptions.js';
import { gptConfig } from './gptConfig.js';

/**
 * Builds the model that the options describe.
 *
 * @throws UserError when they can't be combined (heads that do not divide the width, more choices than experts, ...).
 */
export function createModel(options: ModelOptions, vocabularySize: number, seed: number): Gpt {
  try {
    return new Gpt(gptConfig(options, vocabularySize), { seed });
  } catch (error) {
    throw new UserError(`The model can't be built: ${(error as Error).message}`, { exitCode: 2, cause: error });
  }
}

/** The model as the trainer sees it. */
export function trainable(model: Gpt): Trainable<TokenBatch> {
  return {
    variables: model.variables,
    loss: ({ ids, targets }, { training, seed }) => {
      const { loss, crossEntropy, auxiliaryLoss } = model.loss({ ids, targets }, { training, dropoutSeed: seed });
      return { loss, metrics: { crossEntropy, auxiliaryLoss } };
    },
  };
}
