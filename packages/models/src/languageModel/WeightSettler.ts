import { availableMemory } from '@scmoe/errors';
import { bytesToSettle, settleWeight } from '@scmoe/tensor';
import type * as tf from '@tensorflow/tfjs';

/** Steps before the first weight moves: a short answer is not worth it. */
const stepsBefore = 16;

/** Bytes that move between two steps, which then come some hundredths of a second later. */
const bytesBetweenSteps = 2 ** 27;

/**
 * Moves a model's matrices out of the files that they lie in, into memory in the order in which a token reads them, where a model
 * writes more than a few tokens: some between two steps, no number changed. Only where that takes no more than a half of the memory
 * that is free, for pages of a file can be taken back and these can't.
 */
export class WeightSettler {
  private numSteps = 0;
  private rest: tf.Tensor[] | undefined;

  /** @param parametersNow the model's parameters, as they are now */
  constructor(private readonly parametersNow: () => readonly tf.Tensor[]) {}

  /** Moves the next weights, before each step that writes tokens. @returns whether any have moved */
  beforeStep(): boolean {
    if (this.numSteps < stepsBefore) {
      this.numSteps++;
      return false;
    }
    this.rest ??= this.choose();
    let moved = 0;
    while (this.rest.length > 0 && moved < bytesBetweenSteps) moved += settleWeight(this.rest.pop()!);
    return moved > 0;
  }

  private choose(): tf.Tensor[] {
    const lying = this.parametersNow().filter((parameter) => bytesToSettle(parameter) > 0);
    const bytes = lying.reduce((sum, parameter) => sum + bytesToSettle(parameter), 0);
    return bytes <= availableMemory() / 2 ? lying : [];
  }
}
