import * as tf from '@tensorflow/tfjs';

import { backendName } from '../backend/kernel.js';
import { registerBackend } from '../backend/registerBackend.js';
import { openTensorFlow } from '../install/openTensorFlow.js';

/** Makes `tensorflow` the current backend, on one thread. @returns the binding below it */
export async function useTensorFlow() {
  registerBackend({ threads: 1 });
  await tf.setBackend(backendName);
  return openTensorFlow();
}
