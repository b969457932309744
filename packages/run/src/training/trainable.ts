import type { Routing } from '@scmoe/gating';
import type { DispatchOptions } from '@scmoe/models';
import { withoutRecording } from '@scmoe/tensor';
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
      const measured = training && !measuring ? measuredOf(pass.routings, { balancer, monitor }) : {};
      const further = training ? {} : measure?.(pass, batch);
      const metrics = { crossEntropy: pass.crossEntropy, loadBalance: pass.loadBalance, ...pass.metrics, ...further };
      return { loss: pass.loss, metrics, measured };
    },
    hear: (measured) => hearOf(measured, { balancer, monitor }),
  };
}

type Listeners = Pick<TrainableOptions<Batch, PassResult>, 'balancer' | 'monitor'>;

/** What the monitor adds up; all other measurements are the balancer's, by the name of a bias after `balance.`. */
const routers = 'routers';
const balance = 'balance.';

/** What listeners want to know of a pass, as tensors: so the pass can be compiled. Nothing of it is for a gradient. */
function measuredOf(routings: readonly Routing[], { balancer, monitor }: Listeners): Record<string, tf.Tensor> {
  return withoutRecording(() => {
    const loads = Object.entries(balancer?.measure(routings) ?? {});
    const seen = monitor?.measure(routings);
    return {
      ...(seen && { [routers]: seen }),
      ...Object.fromEntries(loads.map(([name, load]) => [balance + name, load])),
    };
  });
}

function hearOf(measured: Record<string, tf.Tensor>, { balancer, monitor }: Listeners): void {
  if (measured[routers]) monitor?.add(measured[routers] as tf.Tensor1D);
  const loads = Object.entries(measured).filter(([name]) => name.startsWith(balance));
  balancer?.add(Object.fromEntries(loads.map(([name, load]) => [name.slice(balance.length), load as tf.Tensor1D])));
}
