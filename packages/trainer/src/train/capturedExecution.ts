import { type CapturedFunction, captureFunction, seedTensor } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { Optimizer } from '../optimizer/Optimizer.js';
import { gradientsOf, type MicroBatchGradients } from './gradientsOf.js';
import { eagerExecution, type StepExecution } from './StepExecution.js';
import type { Batch, LossResult, Trainable } from './Trainable.js';

type Pass<B extends Batch> = CapturedFunction<[batch: B, seed: tf.Tensor1D], MicroBatchGradients>;

/** Shapes of batches whose captures are kept: that of training, and a last one of an evaluation. */
const cacheSize = 2;

/**
 * A step whose passes are captured (`captureFunction`): the gradients of a micro-batch and the pass of an evaluation, by their
 * native kernels alone from the third of a shape on. The numbers are those of `eagerExecution`, bit for bit; where a pass can't be
 * captured, and on other backends, it is one. Passes that exchange with other ranks, or take losses over a whole step, run as they
 * stand.
 */
export function capturedExecution<B extends Batch>(model: Trainable<B>, optimizer: Optimizer): StepExecution<B> {
  const eager = eagerExecution(model, optimizer);
  const passes = new Map<number, Pass<B>>();
  const passWith = (share: number): Pass<B> => {
    let pass = passes.get(share);
    if (!pass) {
      pass = captureFunction((batch, seed) => gradientsOf(model, batch, { seed, share }), { cacheSize });
      passes.set(share, pass);
    }
    return pass;
  };
  const evaluation = captureFunction((batch: B): LossResult => model.loss(batch, { training: false, seed: 0 }), {
    cacheSize,
  });
  return {
    ...eager,
    gradients: (batch, options) => {
      const { seed, share, whole, onFinal } = options;
      if (whole || onFinal || typeof seed !== 'number' || typeof share !== 'number')
        return eager.gradients(batch, options);
      const ownSeed = seedTensor(seed);
      const result = passWith(share)(batch, ownSeed);
      ownSeed.dispose();
      return result;
    },
    evaluation: (batch, context) => (context.training ? eager.evaluation(batch, context) : evaluation(batch)),
    dispose: () => [...passes.values(), evaluation].forEach((captured) => captured.dispose()),
  };
}
