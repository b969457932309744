import { UserError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import type { StoredTensors } from './loadCheckpoint.js';

/**
 * Assigns stored tensors to the variables of the same names. Nothing is assigned unless everything fits.
 *
 * @throws UserError naming the tensors that are missing, unexpected, or of another shape or dtype.
 */
export function restoreVariables(variables: Record<string, tf.Variable>, stored: StoredTensors): void {
  const missing = Object.keys(variables).filter((name) => !Object.hasOwn(stored, name));
  const unexpected = Object.keys(stored).filter((name) => !Object.hasOwn(variables, name));
  const problems = [
    ...(missing.length ? [`missing: ${listOf(missing)}`] : []),
    ...(unexpected.length ? [`unexpected: ${listOf(unexpected)}`] : []),
  ];
  for (const [name, variable] of Object.entries(variables)) {
    if (!Object.hasOwn(stored, name)) continue;
    const tensor = stored[name]!;
    const expected = describe('float32', variable.shape);
    const got = describe(tensor.data instanceof Float32Array ? 'float32' : tensor.dtype, tensor.shape);
    if (expected !== got) problems.push(`${name}: expected ${expected}, got ${got}`);
  }
  if (problems.length > 0) {
    throw new UserError(`The checkpoint is of another model. ${problems.slice(0, 4).join('; ')}${more(problems, 4)}.`);
  }
  tf.tidy(() => {
    for (const [name, variable] of Object.entries(variables)) {
      variable.assign(tf.tensor(stored[name]!.data as Float32Array, variable.shape));
    }
  });
}

function describe(dtype: string, shape: readonly number[]): string {
  return `${dtype} (${shape.join(', ')})`;
}

function listOf(names: readonly string[]): string {
  return names.slice(0, 3).join(', ') + more(names, 3);
}

function more(items: readonly unknown[], shown: number): string {
  return items.length > shown ? ` and ${items.length - shown} more` : '';
}
