import * as tf from '@tensorflow/tfjs';

import type { ValueId } from '../recording/Recording.js';

/** What the pieces of a step hand on to each other, to the host and to the caller, during one call. */
export class StepValues {
  private readonly held = new Map<ValueId, tf.Tensor>();

  /** Takes a tensor over; the tidy scopes around the step leave it alone. */
  set(value: ValueId, tensor: tf.Tensor): void {
    this.held.set(value, tf.keep(tensor));
  }

  get(value: ValueId): tf.Tensor {
    return this.held.get(value)!;
  }

  /** Frees values that nobody wants any more. */
  free(values: readonly ValueId[]): void {
    for (const value of values) {
      this.held.get(value)?.dispose();
      this.held.delete(value);
    }
  }

  /** Hands values to the caller and his tidy scope, each as a tensor of its own, and frees all others. */
  give(values: readonly ValueId[]): tf.Tensor[] {
    const given = new Map<ValueId, tf.Tensor>();
    const tensors = values.map((value) => {
      const before = given.get(value);
      if (before) return before.clone();
      const tensor = this.held.get(value)!;
      tensor.kept = false;
      this.held.delete(value);
      given.set(value, tensor);
      return tensor;
    });
    this.free([...this.held.keys()]);
    return tensors;
  }
}
