import * as tf from '@tensorflow/tfjs';

import { backendName } from '../backend/kernel.js';
import type { ScmoeBackend } from '../backend/ScmoeBackend.js';
import { noteSquares } from '../backend/sumsOfSquares.js';
import { expectShape } from '../ops/check.js';

/**
 * Gives a variable the numbers of a tensor of its shape and dtype, as `assign` does, but in the memory that it has where nobody
 * else has a handle of it: a captured step, which reads variables where they are, goes on with the new numbers.
 *
 * @throws ArgumentError where shapes differ
 */
export function overwrite(variable: tf.Variable, tensor: tf.Tensor): void {
  expectShape('overwrite', 'tensor', tensor, variable.shape, 'as the variable');
  const backend = tf.getBackend() === backendName ? (tf.backend() as ScmoeBackend) : undefined;
  const isThere = ({ dataId }: tf.Tensor) =>
    backend?.data.has(dataId) && ArrayBuffer.isView(backend.data.get(dataId).values);
  const isAlone = backend && isThere(variable) && isThere(tensor) && backend.refCount(variable.dataId) === 1;
  if (!isAlone || variable.dtype !== tensor.dtype) variable.assign(tensor);
  else {
    backend.refuseCapture('it writes over a variable');
    backend.values(variable).set(backend.values(tensor));
    noteSquares(variable.dataId, undefined);
  }
}
