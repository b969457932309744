import * as tf from '@tensorflow/tfjs';

/**
 * Backends to compare with the reference: the native kernels, where @scmoe/tensor is imported and they run here, and
 * operations of TF.js alone.
 */
export function availableBackends(): string[] {
  const native = tf.findBackendFactory('scmoe') !== null;
  if (!native) console.warn('skipped: the native backend was not built');
  return native ? ['scmoe', 'cpu'] : ['cpu'];
}
