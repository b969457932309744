import * as tf from '@tensorflow/tfjs';

import { addInPlace, mayWriteOver } from '../backend/addInPlace.js';
import type { PathNode } from './tapePath.js';

/** Adds what one operation gives to the gradients of its inputs: where they are, if nobody else has them. */
export class InputSums {
  /** Those that the gradient function has asked for, and has added to. */
  private readonly lent = new Set<tf.Tensor>();

  /** @param gradients so far, by the id of the tensor */
  constructor(
    private readonly inputs: PathNode['inputs'],
    private readonly gradients: Map<number, tf.Tensor>,
  ) {}

  /** The gradient so far of the input of this name, for `gradientSoFar`. */
  readonly find = (name: string): tf.Tensor | undefined => {
    const input = this.inputs.find(([own]) => own === name)?.[1];
    const sum = input && this.gradients.get(input.id);
    if (!sum || !mayWriteOver(sum)) return undefined;
    this.lent.add(sum);
    return sum;
  };

  /** Takes a contribution over. */
  add(input: tf.Tensor, contribution: tf.Tensor): void {
    const sum = this.gradients.get(input.id);
    this.gradients.set(input.id, sum ? this.sumOf(sum, contribution) : contribution);
  }

  private sumOf(sum: tf.Tensor, contribution: tf.Tensor): tf.Tensor {
    if (this.lent.has(sum) && sum.dataId === contribution.dataId) {
      sum.dispose();
      return contribution;
    }
    const own = [sum, contribution].find(mayWriteOver);
    const other = own === sum ? contribution : sum;
    if (own) addInPlace(own, other);
    const result = own ?? tf.add<tf.Tensor>(sum, contribution);
    tf.dispose(own ? other : [sum, contribution]);
    return result;
  }
}
