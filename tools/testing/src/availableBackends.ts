import * as tf from '@tensorflow/tfjs';

/**
 * Backends to compare with the reference: the native kernels, where @scmoe/tensor is imported and they run here, and
 * operations of TF.js alone.
 *
 * @throws Error where the native backend is missing and `SCMOE_REQUIRE_NATIVE=1` asks for it.
 */
export function availableBackends(): string[] {
  if (tf.findBackendFactory('scmoe') !== null) return ['scmoe', 'cpu'];
  const problem = 'the native backend was not built, or @scmoe/tensor is not imported';
  if (process.env['SCMOE_REQUIRE_NATIVE'] === '1') throw new Error(`SCMOE_REQUIRE_NATIVE=1, but ${problem}`);
  console.warn(`skipped: ${problem}`);
  return ['cpu'];
}
