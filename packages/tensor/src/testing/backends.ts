import * as tf from '@tensorflow/tfjs';

import { backendName } from '../index.js';

/** Backends on which an operation is tested: the native one, where it was built, and one that composes it. */
export function availableBackends(): string[] {
  const native = tf.findBackendFactory(backendName) !== null;
  if (!native) console.warn('skipped: the native backend was not built');
  return native ? [backendName, 'cpu'] : ['cpu'];
}
