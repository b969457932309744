import { ArgumentError, UserError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import type { Optimizer } from '../optimizer/Optimizer.js';
import type { Checkpoint } from './loadCheckpoint.js';

/**
 * Gives the optimizer its state back; one of before the first update, which has none, leaves it as new.
 *
 * @throws UserError when the state is of other variables or of another optimizer.
 */
export function restoreOptimizer(
  optimizer: Optimizer,
  variables: Record<string, tf.Variable>,
  { index, optimizerState }: Pick<Checkpoint, 'index' | 'optimizerState'>,
): void {
  if (index.optimizer.name !== optimizer.name) {
    throw new UserError(
      `The checkpoint is of another optimizer: expected ${optimizer.name}, got ${index.optimizer.name}.`,
    );
  }
  // Before the first update there is nothing to give back: it begins as a new one.
  if (index.optimizer.stepCount === 0 && Object.keys(optimizerState).length === 0) return;
  const without = new Set(Object.keys(variables));
  for (const [key, { shape, dtype, data }] of Object.entries(optimizerState)) {
    const name = key.slice(key.indexOf('.') + 1);
    without.delete(name);
    const expected = Object.hasOwn(variables, name) ? variables[name]!.shape.join(', ') : undefined;
    const got = shape.join(', ');
    if (expected !== got) {
      throw misfit(`${key}: expected ${expected === undefined ? 'no such state' : `(${expected})`}, got (${got})`);
    }
    if (!(data instanceof Float32Array)) throw misfit(`${key}: expected float32, got ${dtype}`);
  }
  for (const name of without) throw misfit(`${name}: expected a state, got nothing`);
  tf.tidy(() => {
    const state = Object.entries(optimizerState).map(([name, { data, shape }]) => {
      return [name, tf.tensor(data as Float32Array, [...shape])] as const;
    });
    try {
      optimizer.loadState(Object.fromEntries(state), index.optimizer.stepCount);
    } catch (error) {
      throw error instanceof ArgumentError ? misfit(error.message) : error;
    }
  });
}

function misfit(what: string): UserError {
  return new UserError(`The checkpoint's optimizer does not fit the model: ${what}.`);
}
