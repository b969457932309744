import type { DispatchOptions } from '@scmoe/models';
import type { Batch, Trainable } from '@scmoe/trainer';

import type { RouterBalancer } from './RouterBalancer.js';
import type { RunModel } from './RunModel.js';

/** A model as the trainer sees it. The balancer hears of the routings of training. */
export function trainable<B extends Batch>(
  model: RunModel<B>,
  { balancer, ...dispatch }: DispatchOptions & { balancer?: RouterBalancer } = {},
): Trainable<B> {
  return {
    variables: model.variables,
    loss: (batch, { training, seed }) => {
      const pass = model.loss(batch, { training, dropoutSeed: seed, ...dispatch });
      if (training) balancer?.add(pass.routings);
      return { loss: pass.loss, metrics: { crossEntropy: pass.crossEntropy, loadBalance: pass.loadBalance } };
    },
  };
}
