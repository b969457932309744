import * as tf from '@tensorflow/tfjs';

import { bf16ToFloat32, float32ToBf16 } from '../io/halfPrecision.js';
import { hasFused, runFusedOne } from '../ops/runFused.js';

export const roundToBf16Kernel = 'ScmoeRoundToBf16';

/** What a backend may have that keeps numbers in two bytes. */
interface RoundingBackend {
  bits?(tensor: tf.TensorInfo): Uint16Array | undefined;
}

/**
 * Rounds numbers to the nearest of bfloat16 (ties to even). The result is a float32 tensor like any other, which the native backend
 * keeps in two bytes a number; on other backends it takes as much memory as before.
 */
export function roundToBf16(x: tf.Tensor): tf.Tensor {
  if (hasFused(roundToBf16Kernel)) return runFusedOne(roundToBf16Kernel, { x });
  return tf.tensor(bf16ToFloat32(float32ToBf16(x.dataSync() as Float32Array)), x.shape);
}

/** The same numbers in float32 that may be written over, whatever the tensor is kept in. */
export function inFloat32(x: tf.Tensor): tf.Tensor {
  const bits = (tf.backend() as RoundingBackend).bits?.(x);
  return bits ? tf.tensor(bf16ToFloat32(bits), x.shape) : x.clone();
}
