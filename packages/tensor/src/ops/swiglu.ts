import * as tf from '@tensorflow/tfjs';

import { isRecording } from '../autodiff/recording.js';
import { expectDtype, expectRank, expectShape, expectWidth } from './check.js';
import { firstGradient, fusedGradients, hasFused, runFused } from './runFused.js';

export const swigluKernel = 'ScmoeSwiglu';
export const swigluBackwardKernel = 'ScmoeSwigluBackward';

export interface SwigluAttributes {
  /** Return the hidden layers as well. */
  keepForGradient: boolean;
}

/**
 * (silu(x gate) * (x up)) down, a feed-forward layer without biases (Shazeer, arXiv 2002.05202, equation 6). One kernel
 * each way.
 *
 * @param x (..., d) float32
 * @param gate (d, f)
 * @param up (d, f)
 * @param down (f, d)
 * @returns (..., d)
 * @throws ArgumentError naming the argument when shapes or dtypes do not fit
 */
export function swiglu(x: tf.Tensor, gate: tf.Tensor, up: tf.Tensor, down: tf.Tensor): tf.Tensor {
  const d = expectWidth('swiglu', 'x', x);
  for (const [name, tensor] of Object.entries({ x, gate, up, down })) expectDtype('swiglu', name, tensor, 'float32');
  expectRank('swiglu', 'gate', gate, 2, '(d, f)');
  const f = gate.shape[1]!;
  expectShape('swiglu', 'gate', gate, [d, f], 'for the last dimension of x');
  expectShape('swiglu', 'up', up, [d, f], 'like gate');
  expectShape('swiglu', 'down', down, [f, d], 'to undo gate');
  if (!hasFused(swigluKernel)) return swigluComposed(x, gate, up, down);
  const [y, ...saved] = runFused(swigluKernel, { x, gate, up, down }, {
    keepForGradient: isRecording(),
  } satisfies SwigluAttributes);
  tf.dispose(saved); // the tape keeps its own handles
  return y!;
}

/** The same from plain TF.js ops, with their gradients. */
export function swigluComposed(x: tf.Tensor, gate: tf.Tensor, up: tf.Tensor, down: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const rows = tf.reshape<tf.Rank.R2>(x, [-1, gate.shape[0]]);
    const gated = tf.matMul(rows, gate);
    const hidden = tf.mul<tf.Tensor2D>(tf.mul(gated, tf.sigmoid(gated)), tf.matMul(rows, up));
    return tf.reshape(tf.matMul(hidden, down as tf.Tensor2D), x.shape);
  });
}

tf.registerGradient({
  kernelName: swigluKernel,
  inputsToSave: ['x', 'gate', 'up', 'down'],
  outputsToSave: [false, true, true], // x gate and x up
  gradFunc: (dy, saved) => {
    const [x, gate, up, down, gated, raised] = saved as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const dOut = firstGradient(dy);
    return fusedGradients(swigluBackwardKernel, ['x', 'gate', 'up', 'down'], {
      dOut,
      x,
      gate,
      up,
      down,
      gated,
      raised,
    });
  },
});
