import type * as tf from '@tensorflow/tfjs';

import { attribute } from '../../binding/Attribute.js';
import type { DataType } from '../../binding/dataTypes.js';
import type { TensorFlowBackend } from '../TensorFlowBackend.js';

/** A tensor in another type of elements; the same where it has that already. */
export function castTo(backend: TensorFlowBackend, x: tf.TensorInfo, dtype: DataType): tf.TensorInfo {
  return x.dtype === dtype ? x : backend.run('Cast', [x], { DstT: attribute.type(dtype) });
}
