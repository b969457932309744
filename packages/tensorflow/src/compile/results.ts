import { ArgumentError, ScmoeError } from '@scmoe/errors';
import { flatten, type Flattened } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

/** Tensors of a step's result, and how they are put together. */
export interface Results extends Pick<Flattened, 'rebuild' | 'form'> {
  readonly tensors: readonly tf.Tensor[];
}

/**
 * Takes the result of a step apart.
 *
 * @throws ArgumentError where it is nothing, a promise, or holds what would be the same after every call
 */
export function resultsOf(result: unknown): Results {
  if (result instanceof Promise) {
    result.catch(() => undefined); // this is the error to tell
    throw new ArgumentError('compileStep: the step returns a promise: expected a function that is not async');
  }
  const { leaves, ...rest } = flatten(result, 'the result', 'compileStep');
  if (leaves.length === 0) {
    throw new ArgumentError(
      'compileStep: the step: expected to return a tensor, or an array or object of tensors, got none',
    );
  }
  const tensors = leaves.map(({ path, value }) => {
    if (value instanceof tf.Tensor) return value;
    throw new ArgumentError(
      `compileStep: ${path}: expected a tensor, got the number ${value}, which would be the same after every call`,
    );
  });
  const gone = tensors.findIndex(({ isDisposed }) => isDisposed);
  if (gone >= 0)
    throw new ScmoeError(`compileStep: ${leaves[gone]!.path}: expected a tensor, got one that was disposed`);
  return { tensors, ...rest };
}

/** Whether the step has disposed what it was called with, which is the caller's. */
export function expectArgumentsAlive(tensors: readonly tf.Tensor[], paths: readonly string[]): void {
  const gone = tensors.findIndex(({ isDisposed }) => isDisposed);
  if (gone < 0) return;
  throw new ScmoeError(`compileStep: the step disposes ${paths[gone]}: what it is called with belongs to the caller`);
}
