import type * as tf from '@tensorflow/tfjs';

type Find = (input: string) => tf.Tensor | undefined;

/** Finds it for the operation whose gradient is being taken. */
let find: Find | undefined;

/**
 * The gradient that an input of the operation whose gradient is being taken has already from operations behind it, by the name of
 * the input, where a kernel may write over it: its sum with the operation's own is what the gradient function gives then, in the
 * same memory. Undefined where there is none yet, or where somebody else has it.
 */
export function gradientSoFar(input: string): tf.Tensor | undefined {
  return find?.(input);
}

/** Runs a gradient function that may ask for gradients so far. */
export function withGradientsSoFar<Result>(given: Find, run: () => Result): Result {
  const outer = find;
  find = given;
  try {
    return run();
  } finally {
    find = outer;
  }
}
