import type { Routing } from '@scmoe/gating';
import * as tf from '@tensorflow/tfjs';

import type { Dispatcher, ExpertBatch } from '../moe/Dispatcher.js';
import { ExpertParallelDispatcher, type ExpertParallelOptions } from '../moe/ExpertParallelDispatcher.js';
import { GatheringPassage } from './GatheringPassage.js';
import type { TensorGroup, TensorShard } from './TensorGroup.js';

/** Rows on their way back, of a part of the routing of all. */
type Returning = { inFlight: object; routing: Routing };

/**
 * Parm's second schedule (S2, arXiv 2407.00599): every rank of a tensor-parallel group packs the rows of all tokens, which all have,
 * and sends its share of the slots of each expert; the rows that come back are gathered before decode. So nothing is known to one
 * rank alone but what it sends: drops, weights and their gradients are those of one rank.
 *
 * With a capacity every rank has as many slots of each expert, rounded up, and no word is needed beforehand. Without one
 * the rows are dealt out in turn, so that shares differ by a row at most.
 *
 * With `fused`, rows that come back are gathered piece by piece while others are on their way: see `GatheringPassage`.
 */
export class RowSharesDispatcher implements Dispatcher<object, Returning> {
  readonly takesAllTokens = true;
  readonly numRanks: number;
  readonly numShards: number;
  readonly shardGroup: TensorGroup | undefined;
  private readonly inner: Dispatcher;
  private readonly isFused: boolean;
  // Of each routing on its way, before it is shared out.
  private readonly capacities = new WeakMap<tf.DataId, number>();

  /**
   * @param options as `ExpertParallelDispatcher` takes them: the ranks that share the experts out
   * @param group the ranks that have the same tokens
   */
  constructor(
    { fused = false, as, ...options }: Omit<ExpertParallelOptions, 'rowsHere' | 'passage'> & { fused?: boolean },
    private readonly group: TensorGroup,
  ) {
    const { communicator, shards = 1 } = options;
    const exchange = as === undefined ? {} : { as };
    const capacityOf = ({ counts }: Routing) => this.capacities.get(counts.dataId)!;
    const inner = new ExpertParallelDispatcher({
      ...{ ...options, ...exchange },
      rowsHere: (counts) => dealtCounts(counts, group),
      ...(fused && { passage: new GatheringPassage({ communicator, shards, exchange, group, capacityOf }) }),
    });
    this.isFused = fused;
    this.inner = inner;
    this.numRanks = inner.numRanks;
    this.numShards = inner.numShards;
    this.shardGroup = inner.shardGroup;
  }

  prepare(parts: readonly Routing[]): void {
    this.inner.prepare(parts.map((part) => this.shareOf(part)));
  }

  encode(tokens: tf.Tensor2D, routing: Routing): tf.Tensor2D {
    return this.inner.encode(tokens, routing);
  }

  startDispatch(packed: tf.Tensor2D, routing: Routing): object {
    const { capacity, counts } = routing;
    const own = this.shareOf(routing);
    if (this.isFused) return this.inner.startDispatch(capacity > 0 ? packed : firstRows(packed, rowsOf(routing)), own);
    if (capacity > 0)
      return this.inner.startDispatch(this.group.ownSlots(packed, { blocks: counts.size, slots: capacity }), own);
    const slots = rowsOf(routing);
    const dealt = this.group.ownSlots(firstRows(packed, slots), { blocks: 1, slots });
    // The last round may not reach everybody.
    return this.inner.startDispatch(firstRows(dealt, dealtOf(slots, this.group)), own);
  }

  finishDispatch(inFlight: object): ExpertBatch {
    return this.inner.finishDispatch(inFlight);
  }

  startCombine(rows: tf.Tensor2D, routing: Routing): Returning {
    return { inFlight: this.inner.startCombine(rows, this.shareOf(routing)), routing };
  }

  finishCombine({ inFlight, routing }: Returning): tf.Tensor2D {
    const { capacity, counts } = routing;
    const rows = this.inner.finishCombine(inFlight);
    if (this.isFused) return rows;
    if (capacity > 0) return this.group.gatherSlots(rows, { blocks: counts.size, slots: capacity });
    const slots = rowsOf(routing);
    const missing = Math.ceil(slots / this.group.size) - rows.shape[0];
    const padding: [[number, number], [number, number]] = [
      [0, missing],
      [0, 0],
    ];
    return this.group.gatherSlots(missing > 0 ? tf.pad(rows, padding) : rows, { blocks: 1, slots });
  }

  decode(rows: tf.Tensor2D, routing: Routing): tf.Tensor2D {
    return this.inner.decode(rows, routing);
  }

  /** The same routing as a rank sends it. Its counts stay those of all, by which it is known. */
  private shareOf(routing: Routing): Routing {
    const capacity = Math.ceil(routing.capacity / this.group.size);
    this.capacities.set(routing.counts.dataId, routing.capacity);
    return { ...routing, capacity, ...(capacity > 0 && { numRows: routing.counts.size * capacity }) };
  }
}

/** Rows that choices fill, read on the host. */
function rowsOf({ counts }: Routing): number {
  return Int32Array.from(counts.dataSync()).reduce((sum, count) => sum + count, 0);
}

function firstRows(x: tf.Tensor2D, count: number): tf.Tensor2D {
  return count === x.shape[0] ? x : tf.slice(x, [0, 0], [count, x.shape[1]]);
}

/** How many of the first `rows` are dealt to a rank. */
function dealtOf(rows: number, { rank, size }: TensorShard): number {
  return Math.floor((rows + size - 1 - rank) / size);
}

/** How many rows of each expert are dealt to a rank, where the rows of all experts follow each other. */
function dealtCounts(counts: Int32Array, shard: TensorShard): Int32Array {
  let first = 0;
  return counts.map((count) => dealtOf((first += count), shard) - dealtOf(first - count, shard));
}
