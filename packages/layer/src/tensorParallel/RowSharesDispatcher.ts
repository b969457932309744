import type { Routing } from '@scmoe/gating';
import { withoutRecording } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { Dispatcher, ExpertBatch } from '../moe/Dispatcher.js';
import type { TensorGroup } from './TensorGroup.js';

/** A part of a routing as a rank of the group sends it. */
interface Share {
  own: Routing;
  /** Rows that a choice fills, of all ranks; where there is no capacity. */
  numRows: number;
}

/** Rows on their way back, of a part of the routing of all. */
type Returning = { inFlight: object; routing: Routing };

/**
 * Parm's second schedule (S2, arXiv 2407.00599): every rank of a tensor-parallel group packs the rows of all tokens, which all have,
 * and sends its share of the slots of each expert; the rows that come back are gathered before decode. So nothing is known to one
 * rank alone but what it sends: drops, weights and their gradients are those of one rank.
 *
 * With a capacity every rank has as many slots of each expert, rounded up, and no word is needed beforehand. Without one
 * the rows are dealt out in turn, so that shares differ by a row at most.
 */
export class RowSharesDispatcher implements Dispatcher<object, Returning> {
  readonly takesAllTokens = true;
  readonly numRanks: number;
  readonly numShards: number;
  // One entry a part in progress, gone with its routing.
  private readonly shares = new WeakMap<tf.DataId, Share>();

  /** @param inner brings rows to the experts and back, over the ranks that share them out */
  constructor(
    private readonly inner: Dispatcher,
    private readonly group: TensorGroup,
  ) {
    this.numRanks = inner.numRanks;
    this.numShards = inner.numShards ?? 1;
  }

  prepare(parts: readonly Routing[]): void {
    this.inner.prepare(parts.map((part) => this.shareOf(part).own));
  }

  encode(tokens: tf.Tensor2D, routing: Routing): tf.Tensor2D {
    return this.inner.encode(tokens, routing);
  }

  startDispatch(packed: tf.Tensor2D, routing: Routing): object {
    const { own, numRows } = this.shareOf(routing);
    const { capacity, counts } = routing;
    if (capacity > 0)
      return this.inner.startDispatch(this.group.ownSlots(packed, { blocks: counts.size, slots: capacity }), own);
    const width = packed.shape[1];
    const filled = numRows === packed.shape[0] ? packed : tf.slice(packed, [0, 0], [numRows, width]);
    const dealt = this.group.ownSlots(filled, { blocks: 1, slots: numRows });
    // The last round may not reach everybody.
    const rows = own.numRows === dealt.shape[0] ? dealt : tf.slice(dealt, [0, 0], [own.numRows, width]);
    return this.inner.startDispatch(rows, own);
  }

  finishDispatch(inFlight: object): ExpertBatch {
    return this.inner.finishDispatch(inFlight);
  }

  startCombine(rows: tf.Tensor2D, routing: Routing): Returning {
    return { inFlight: this.inner.startCombine(rows, this.shareOf(routing).own), routing };
  }

  finishCombine({ inFlight, routing }: Returning): tf.Tensor2D {
    const { own, numRows } = this.shareOf(routing);
    const { capacity, counts } = routing;
    const rows = this.inner.finishCombine(inFlight);
    if (capacity > 0) return this.group.gatherSlots(rows, { blocks: counts.size, slots: capacity });
    const missing = Math.ceil(numRows / this.group.size) - own.numRows;
    const round: tf.Tensor2D =
      missing > 0
        ? tf.pad(rows, [
            [0, missing],
            [0, 0],
          ])
        : rows;
    return this.group.gatherSlots(round, { blocks: 1, slots: numRows });
  }

  decode(rows: tf.Tensor2D, routing: Routing): tf.Tensor2D {
    return this.inner.decode(rows, routing);
  }

  private shareOf(routing: Routing): Share {
    const { dataId } = routing.counts;
    const known = this.shares.get(dataId);
    if (known) return known;
    const share = routing.capacity > 0 ? this.ofSlots(routing) : this.ofRows(routing);
    this.shares.set(dataId, share);
    return share;
  }

  private ofSlots(routing: Routing): Share {
    const capacity = Math.ceil(routing.capacity / this.group.size);
    // The counts are a handle of their own: what is known of the whole is not known of the share.
    const counts = withoutRecording(() => tf.minimum<tf.Tensor1D>(routing.counts, tf.scalar(capacity, 'int32')));
    const numRows = routing.counts.size * capacity;
    return { own: { ...routing, capacity, counts, numRows }, numRows: routing.numRows };
  }

  private ofRows(routing: Routing): Share {
    const counts = Int32Array.from(routing.counts.dataSync());
    const numRows = counts.reduce((sum, count) => sum + count, 0);
    const { rank, size } = this.group;
    /** Rows of this rank among the first ones. */
    const dealtOf = (rows: number) => Math.floor((rows + size - 1 - rank) / size);
    let first = 0;
    const own = counts.map((count) => dealtOf((first += count)) - dealtOf(first - count));
    return {
      own: { ...routing, counts: tf.tensor1d(own, 'int32'), numRows: dealtOf(numRows) },
      numRows,
    };
  }
}
