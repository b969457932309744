import type * as tf from '@tensorflow/tfjs';

import type { NumericType, ScmoeBackend } from '../ScmoeBackend.js';
import { copyStrided, stridesOf } from './walk.js';

/** A tensor of numbers with its axes in another order, each once. */
export function transposed(
  backend: ScmoeBackend,
  x: tf.TensorInfo & { dtype: NumericType },
  perm: readonly number[],
): tf.TensorInfo {
  const shape = perm.map((d) => x.shape[d]!);
  const strides = stridesOf(x.shape);
  const out = backend.output(shape, x.dtype);
  copyStrided(
    { values: backend.values(x), strides: perm.map((d) => strides[d]!) },
    { values: backend.values(out), strides: stridesOf(shape) },
    shape,
  );
  return out;
}
