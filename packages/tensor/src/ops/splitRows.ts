import { ArgumentError, expectPositiveInteger } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { expectDtype } from './check.js';
import { hasFused, runFused } from './runFused.js';

export const splitRowsKernel = 'ScmoeSplitRows';

export interface SplitRowsAttributes {
  parts: number;
}

/**
 * Equal parts of x along its first axis. The native backend copies nothing: the parts are views of the memory of x, which
 * stays until x and all of them are disposed. Elsewhere `tf.split`. The gradient is put together once, in one copy.
 *
 * @param x (parts * n, ...) float32, not changed in place as long as there are parts of it
 * @returns parts of shape (n, ...)
 * @throws ArgumentError where `parts` does not divide the first axis
 */
export function splitRows(x: tf.Tensor, parts: number): tf.Tensor[] {
  expectDtype('splitRows', 'x', x, 'float32');
  expectPositiveInteger('splitRows: parts', parts);
  if (x.rank === 0 || x.shape[0] % parts !== 0)
    throw new ArgumentError(`splitRows: parts: expected a divisor of ${x.shape[0] ?? 'no'} rows, got ${parts}`);
  // TF.js's gradient of a split into one fails, and there is nothing to split.
  if (parts === 1) return [x.clone()];
  return hasFused(splitRowsKernel) ? runFused(splitRowsKernel, { x }, { parts }) : splitRowsComposed(x, parts);
}

/** The same from plain TF.js ops. */
export function splitRowsComposed(x: tf.Tensor, parts: number): tf.Tensor[] {
  return tf.split(x, parts, 0);
}

tf.registerGradient({
  kernelName: splitRowsKernel,
  gradFunc: (dy) => ({ x: () => tf.concat(dy as tf.Tensor[], 0) }),
});
