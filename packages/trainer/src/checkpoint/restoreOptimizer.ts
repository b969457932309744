import { UserError } from '@scmoe/errors';
import type { AdamW } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { Checkpoint } from './loadCheckpoint.js';

/**
 * Gives the optimizer its state back.
 *
 * @throws UserError when the state is of other variables or of another optimizer.
 */
export function restoreOptimizer(
  optimizer: AdamW,
  variables: Record<string, tf.Variable>,
  { index, optimizerState }: Pick<Checkpoint, 'index' | 'optimizerState'>,
): void {
  if (index.optimizer.name !== 'AdamW') {
    throw new UserError(`The checkpoint is of another optimizer: expected AdamW, got ${index.optimizer.name}.`);
  }
  for (const [name, { shape }] of Object.entries(variables)) {
    for (const key of [`m.${name}`, `v.${name}`]) {
      const got = optimizerState[key]?.shape.join(', ');
      if (got !== shape.join(', ')) {
        throw new UserError(
          `The checkpoint's optimizer does not fit the model: ${key}: expected (${shape.join(', ')}), got ${got === undefined ? 'nothing' : `(${got})`}.`,
        );
      }
    }
  }
  tf.tidy(() => {
    const state = Object.entries(optimizerState).map(([name, { data, shape }]) => {
      return [name, tf.tensor(data as Float32Array, [...shape])] as const;
    });
    optimizer.loadState(Object.fromEntries(state), index.optimizer.stepCount);
  });
}
