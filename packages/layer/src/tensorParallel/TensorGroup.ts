import { runOfRank, type Communicator, type Counts, type Work } from '@scmoe/comm';
import { memo } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

/** A place among ranks that share out heads and hidden widths: the one of `rank` in a tensor-parallel group of `size`. */
export interface TensorShard {
  rank: number;
  size: number;
}

/** Rows that lie in blocks of as many slots: those of the experts, or one block where rows follow each other without gaps. */
export interface SlotBlocks {
  blocks: number;
  slots: number;
}

/**
 * Ranks that have the same tokens and hold a slice each of attentions and MLPs: what passes between what all compute alike and
 * what each computes of its slice (Megatron-LM, arXiv 1909.08053, section 3). Every rank of the group calls the same methods in
 * the same order. The gradients of what all compute alike are whole on every rank, and the same bits.
 *
 * What has come in a first pass is not asked for again by a second one that keeps exchanges.
 */
export class TensorGroup implements TensorShard {
  readonly rank: number;
  readonly size: number;

  /** @param communicator the ranks of the group, in the order of their slices */
  constructor(private readonly communicator: Communicator) {
    this.rank = communicator.rank;
    this.size = communicator.size;
  }

  /**
   * Hands over what every rank has to what works on its slice: x as it is, whose gradient is the sum over the ranks (Megatron's
   * f).
   */
  enter<T extends tf.Tensor>(x: T): T {
    if (this.size === 1) return x;
    const enter = tf.customGrad<T>((given) => ({
      value: tf.clone(given as T),
      gradFunc: (dy: tf.Tensor) => this.reduce(dy),
    }));
    return enter(x);
  }

  /** Adds up what the ranks have made of their slices; every rank has the sum (Megatron's g). The gradient stays as it is. */
  sum<T extends tf.Tensor>(x: T): T {
    if (this.size === 1) return x;
    return this.once((arrived) => {
      const sum = tf.customGrad<T>((given) => ({
        value: arrived ? tf.clone(arrived) : this.reduce(given as T),
        gradFunc: (dy: tf.Tensor) => tf.clone(dy),
      }));
      return sum(x);
    });
  }

  /** Takes this rank's run of rows that all have: (T, n) -> (T', n), a share of T that may be one more or less than another's. */
  ownRows<T extends tf.Tensor>(x: T): T {
    if (this.size === 1) return x;
    const own = tf.customGrad<T>((given) => ({
      value: this.slice(given as T),
      gradFunc: (dy: tf.Tensor) => this.gather(dy, x.shape[0]),
    }));
    return own(x);
  }

  /** Puts the runs of rows of all ranks together: (T', n) -> (T, n), where T is `numRows`. */
  gatherRows<T extends tf.Tensor>(x: T, numRows: number): T {
    if (this.size === 1) return x;
    return this.once((arrived) => {
      const gather = tf.customGrad<T>((given) => ({
        value: arrived ? tf.clone(arrived) : this.gather(given as T, numRows),
        gradFunc: (dy: tf.Tensor) => this.slice(dy),
      }));
      return gather(x);
    });
  }

  /**
   * Takes this rank's share of the slots of each block, every `size`-th from `rank` on: (blocks * C, d) -> (blocks * c, d), where c is
   * C / size, rounded up. Slots that there are not are zero.
   */
  ownSlots(x: tf.Tensor2D, { blocks, slots }: SlotBlocks): tf.Tensor2D {
    if (this.size === 1 || x.size === 0) return x;
    const own = tf.customGrad<tf.Tensor2D>((given) => ({
      value: this.takeSlots(given as tf.Tensor2D, { blocks, slots }),
      gradFunc: (dy: tf.Tensor) => this.putSlots(dy as tf.Tensor2D, { blocks, slots }),
    }));
    return own(x);
  }

  /** Puts the shares of all ranks together that `ownSlots` took: (blocks * c, d) -> (blocks * C, d). */
  gatherSlots(x: tf.Tensor2D, { blocks, slots }: SlotBlocks): tf.Tensor2D {
    if (this.size === 1 || x.size === 0) return x;
    return this.once((arrived) => {
      const gather = tf.customGrad<tf.Tensor2D>((given) => ({
        value: arrived ? tf.clone(arrived) : this.putSlots(given as tf.Tensor2D, { blocks, slots }),
        gradFunc: (dy: tf.Tensor) => this.takeSlots(dy as tf.Tensor2D, { blocks, slots }),
      }));
      return gather(x);
    });
  }

  private once<T extends tf.Tensor>(exchange: (arrived: T | undefined) => T): T {
    const place = memo<T>({ isLarge: true });
    const came = exchange(place?.value);
    if (place && !place.value) place.leave(came);
    return came;
  }

  private reduce<T extends tf.Tensor>(x: T): T {
    return this.communicator.allReduce<tf.Tensor>(x).wait() as T;
  }

  private slice<T extends tf.Tensor>(x: T): T {
    const { first, count } = runOfRank(x.shape[0], this);
    return tf.slice(x, first, count);
  }

  private gather<T extends tf.Tensor>(x: T, numRows: number): T {
    const recvCounts = Array.from(
      { length: this.size },
      (_, rank) => runOfRank(numRows, { rank, size: this.size }).count,
    );
    return this.communicator.allGatherV<tf.Tensor>(x, { recvCounts }).wait() as T;
  }

  /** What `ownSlots` takes, without a gradient. */
  takeSlots(x: tf.Tensor2D, { blocks, slots }: SlotBlocks): tf.Tensor2D {
    const { size, rank } = this;
    const [each, d] = [Math.ceil(slots / size), x.shape[1]];
    return tf.tidy(() => {
      const ofBlocks: tf.Tensor3D = tf.reshape(x, [blocks, slots, d]);
      const padded = each * size === slots ? ofBlocks : padSlots(ofBlocks, each * size - slots);
      const dealt: tf.Tensor4D = tf.reshape(padded, [blocks, each, size, d]);
      return tf.reshape<tf.Rank.R2>(tf.slice(dealt, [0, 0, rank, 0], [blocks, each, 1, d]), [blocks * each, d]);
    });
  }

  /** Starts to gather rows of as many as each rank has, without a gradient: (T', n) -> (T, n), in the order of the ranks. */
  startGather<T extends tf.Tensor>(x: T, recvCounts: Counts): Work<tf.Tensor> {
    return this.communicator.allGatherV<tf.Tensor>(x, { recvCounts });
  }

  private putSlots(own: tf.Tensor2D, { blocks, slots }: SlotBlocks): tf.Tensor2D {
    const { size } = this;
    const [each, d] = [Math.ceil(slots / size), own.shape[1]];
    return tf.tidy(() => {
      const all = this.communicator.allGather<tf.Tensor>(own).wait();
      const dealt = tf.transpose(tf.reshape(all, [size, blocks, each, d]), [1, 2, 0, 3]);
      const padded: tf.Tensor3D = tf.reshape(dealt, [blocks, each * size, d]);
      const kept = each * size === slots ? padded : tf.slice(padded, [0, 0, 0], [blocks, slots, d]);
      return tf.reshape<tf.Rank.R2>(kept, [blocks * slots, d]);
    });
  }
}

function padSlots(x: tf.Tensor3D, missing: number): tf.Tensor3D {
  return tf.pad(x, [
    [0, 0],
    [0, missing],
    [0, 0],
  ]);
}
