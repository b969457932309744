import { ScmoeError } from '@scmoe/errors';
import type * as tf from '@tensorflow/tfjs';

/**
 * A resource variable of TensorFlow in which the values of variables of TF.js lie, for compiled steps to read and write in place. To
 * the program they stay variables: read, a value is fetched from there; assigned, it is brought there before the next step.
 */
export interface VariableHome {
  /** The resource variable, as an argument of functions. */
  readonly resource: number;

  /**
   * Grows when somebody reads, assigns, clones or lets go of one of its variables, and when the value is lost: a step that finds the
   * number that it left has nothing to bring in and nobody to let keep a value.
   */
  readonly touches: number;

  /** Before a call that reads or writes these variables: brings what the program has assigned to them into the resource. */
  bringIn(variables: readonly tf.Variable[]): void;

  /** Before a call that writes these variables: whoever shares a value keeps it, and nobody else holds the memory. */
  letWrite(variables: readonly tf.Variable[]): void;

  /** A tensor with all that lies there now, the caller's to delete: as long as it is there, nobody writes over its memory. */
  hold(): number;

  /** After a call that failed: what was held before it. */
  putBack(held: number): void;

  /** After a call that failed while nothing was held: nobody may touch the resource again, whose memory is gone. */
  lose(): void;

  /** Hands its variables, and clones of them, their values as ordinary data, and ends the resource. */
  dispose(): void;
}

/** @throws ScmoeError for a variable that a step uses and that is gone */
export function expectThere({ name, isDisposed }: tf.Variable): void {
  if (isDisposed) throw new ScmoeError(`compileStep: the variable '${name}', which the step uses, was disposed`);
}

/** The error of a variable whose value a failed call has taken with it. */
export function lostVariable({ name }: tf.Variable): ScmoeError {
  return new ScmoeError(
    `compileStep: the value of the variable '${name}' is lost since a call of a compiled step failed`,
  );
}
