import * as tf from '@tensorflow/tfjs';

import { expectOneOf } from '@scmoe/errors';
import { isRecording } from '../autodiff/recording.js';
import type { Activation } from './activation.js';
import { expectDtype, expectRank, expectShape, expectWidth } from './check.js';
import { linear, linearComposed } from './linear.js';
import { firstGradient, fusedGradients, hasFused, runFused } from './runFused.js';

export const mlpKernel = 'ScmoeMlp';
export const mlpBackwardKernel = 'ScmoeMlpBackward';

/** The two layers of `mlp`. */
export interface MlpWeights {
  /** (d, f) */
  w1: tf.Tensor;
  /** (f) */
  b1?: tf.Tensor;
  /** (f, d) */
  w2: tf.Tensor;
  /** (d) */
  b2?: tf.Tensor;
}

/** Options of `mlp`. */
export interface MlpOptions {
  activation: Exclude<Activation, 'none'>;
}

/**
 * activation(x w1 + b1) w2 + b2, a feed-forward layer. Where a gradient is recorded it is one kernel each way, which in bf16 keeps
 * the hidden layer in bf16: half the memory, for the next product rounds it anyway.
 *
 * @param x (..., d) float32
 * @returns (..., d)
 * @throws ArgumentError naming the argument when shapes or dtypes do not fit
 */
export function mlp(x: tf.Tensor, { w1, b1, w2, b2 }: MlpWeights, { activation }: MlpOptions): tf.Tensor {
  const d = expectWidth('mlp', 'x', x);
  const given = { x, w1, w2, ...(b1 && { b1 }), ...(b2 && { b2 }) };
  for (const [name, tensor] of Object.entries(given)) expectDtype('mlp', name, tensor, 'float32');
  expectRank('mlp', 'w1', w1, 2, '(d, f)');
  const f = w1.shape[1]!;
  expectShape('mlp', 'w1', w1, [d, f], 'for the last dimension of x');
  expectShape('mlp', 'w2', w2, [f, d], 'to undo w1');
  if (b1) expectShape('mlp', 'b1', b1, [f], 'for the second dimension of w1');
  if (b2) expectShape('mlp', 'b2', b2, [d], 'for the second dimension of w2');
  expectOneOf('mlp: activation', activation, ['gelu', 'gelu_tanh', 'silu']);
  if (!isRecording() || !hasFused(mlpKernel)) {
    return tf.tidy(() => linear(linear(x, w1, b1, { activation }), w2, b2));
  }
  const [y, ...saved] = runFused(mlpKernel, given, { activation } satisfies MlpOptions);
  tf.dispose(saved); // the tape keeps its own handles
  return y!;
}

/** The same from plain TF.js ops, with their gradients. */
export function mlpComposed(x: tf.Tensor, { w1, b1, w2, b2 }: MlpWeights, { activation }: MlpOptions): tf.Tensor {
  return tf.tidy(() => linearComposed(linearComposed(x, w1, b1, { activation }), w2, b2));
}

tf.registerGradient({
  kernelName: mlpKernel,
  inputsToSave: ['x', 'w1', 'w2'],
  outputsToSave: [false, true, true], // hidden layer before and after the activation
  gradFunc: (dy, saved, attributes) => {
    const [x, w1, w2, pre, hidden] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const inputs = { dOut: firstGradient(dy), x, w1, w2, pre, hidden };
    return fusedGradients(mlpBackwardKernel, ['x', 'w1', 'b1', 'w2', 'b2'], inputs, attributes);
  },
});
