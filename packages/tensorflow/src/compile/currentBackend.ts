import { ScmoeError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { TensorFlowBackend } from '../backend/TensorFlowBackend.js';

/** The current backend of TF.js. @throws ScmoeError where compiled steps can't run on it */
export function currentBackend(): TensorFlowBackend {
  const backend = tf.backend();
  if (backend instanceof TensorFlowBackend) return backend;
  throw new ScmoeError(
    `compileStep: expected the backend 'tensorflow' of @scmoe/tensorflow to be the current one, got '${tf.getBackend()}'`,
  );
}

/** A tensor of TF.js of what a kernel gives. */
export function asTensor(info: tf.TensorInfo): tf.Tensor {
  return tf.engine().makeTensorFromTensorInfo(info);
}
