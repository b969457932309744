import type { DispatchOptions } from '@scmoe/models';
import type { Batch, Trainable } from '@scmoe/trainer';
import type * as tf from '@tensorflow/tfjs';

import type { RouterMonitor } from './alarms/RouterMonitor.js';
import type { RouterBalancer } from './RouterBalancer.js';
import type { PassResult, RunModel } from './RunModel.js';

/** What goes along with a model when it is trained or evaluated. */
export interface TrainableOptions<B extends Batch, Pass extends PassResult> extends DispatchOptions {
  /** Hear of the routings of training. */
  balancer?: RouterBalancer;
  monitor?: RouterMonitor;
  /** Gives further metrics of a pass of evaluation. */
  measure?: (pass: Pass, batch: B) => Record<string, tf.Scalar>;
}

/** A model as the trainer sees it. */
export function trainable<B extends Batch, Pass extends PassResult>(
  model: Pick<RunModel<B, Pass>, 'variables' | 'loss'>,
  { balancer, monitor, measure, ...dispatch }: TrainableOptions<B, Pass> = {},
): Trainable<B> {
  return {
    variables: model.variables,
    loss: (batch, { training, seed, whole, measuring }) => {
      const { overlap, ...others } = dispatch;
      // A controller of overlap would wait for the backward pass; every plan gives the same numbers.
      const execution = measuring ? others : { ...others, overlap };
      const pass = model.loss(batch, { training, dropoutSeed: seed, ...(whole && { whole }), ...execution });
      if (training && !measuring) {
        balancer?.add(pass.routings);
        monitor?.add(pass.routings);
      }
      const further = training ? {} : measure?.(pass, batch);
      const metrics = { crossEntropy: pass.crossEntropy, loadBalance: pass.loadBalance, ...pass.metrics, ...further };
      return { loss: pass.loss, metrics };
    },
  };
}
