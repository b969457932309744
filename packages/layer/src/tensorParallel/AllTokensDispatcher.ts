import type { Routing } from '@scmoe/gating';
import type * as tf from '@tensorflow/tfjs';

import type { Dispatcher, ExpertBatch } from '../moe/Dispatcher.js';
import type { TensorGroup } from './TensorGroup.js';

/**
 * The plain way of a tensor-parallel group to experts of which each of its ranks holds a slice (Parm's base): every rank sends
 * all tokens to the ranks that hold the same slice, and what comes back is added up over the group, token by token.
 */
export class AllTokensDispatcher implements Dispatcher {
  readonly takesAllTokens = true;
  readonly numRanks: number;
  readonly numShards: number;
  readonly shardGroup: TensorGroup;

  /** @param inner brings tokens to the experts and back, over the ranks that hold the same slice of them */
  constructor(
    private readonly inner: Dispatcher,
    private readonly group: TensorGroup,
  ) {
    this.numRanks = inner.numRanks;
    this.numShards = group.size;
    this.shardGroup = group;
  }

  prepare(parts: readonly Routing[]): void {
    this.inner.prepare(parts);
  }

  encode(tokens: tf.Tensor2D, routing: Routing): tf.Tensor2D {
    return this.inner.encode(this.group.enter(tokens), routing);
  }

  startDispatch(packed: tf.Tensor2D, routing: Routing): object {
    return this.inner.startDispatch(packed, routing);
  }

  finishDispatch(inFlight: object): ExpertBatch {
    return this.inner.finishDispatch(inFlight);
  }

  startCombine(rows: tf.Tensor2D, routing: Routing): object {
    return this.inner.startCombine(rows, routing);
  }

  finishCombine(inFlight: object): tf.Tensor2D {
    return this.inner.finishCombine(inFlight);
  }

  rowsFrom(part: Routing): readonly ArrayLike<number>[] {
    return this.inner.rowsFrom!(part);
  }

  /** The sum of the slices of each row weighs as the row does: it is tokens that are added up, of which there are fewer. */
  decode(rows: tf.Tensor2D, routing: Routing): tf.Tensor2D {
    const { group } = this;
    return group.sum(this.inner.decode(rows, { ...routing, weights: group.enter(routing.weights) }));
  }
}
