import type * as tf from '@tensorflow/tfjs';

import type { HostArray } from '../data/dtypes.js';
import type { Work } from './Work.js';

/** What a collective takes. A Uint16Array holds the bits of bf16 numbers; a tensor is float32 or int32. */
export type Data = HostArray | tf.Tensor;

/** How an all-reduce and a reduce-scatter join the ranks' elements. */
export type Reduction = 'sum' | 'mean' | 'max';
/** What moves the data: nothing in a world of one rank, Gloo on CPUs, or NCCL on GPUs. */
export type EngineName = 'self' | 'gloo' | 'nccl';

/** Options of every collective. */
export interface CollectiveOptions {
  /** Overrides the communicator's own, in milliseconds; counted from when the collective's turn has come. */
  timeoutMs?: number;
}

/** Options of collectives that move data. */
export interface MoveOptions<D extends Data> extends CollectiveOptions {
  /** Array that takes the result, of the result's length; for arrays only. It must not overlap the input. */
  output?: D extends HostArray ? D : never;
  /** float32 data travels as bf16: half the bytes, rounded to nearest even, on the own rank as well. */
  as?: 'bf16';
}

/** Options of an exchange with counts. */
export interface ExchangeRowsOptions<D extends Data> extends MoveOptions<D> {
  /**
   * Rows of the result, whatever comes: those below it are zero. The data may have more rows than are sent then, the first of which
   * are. So shapes stay the same while counts change.
   */
  paddedTo?: number;
}

/** Options of collectives that reduce. */
export interface ReduceOptions<D extends Data> extends CollectiveOptions {
  /** Default 'sum'. bf16 is reduced in float32 and rounded once; a mean needs floats. */
  op?: Reduction;
  /** Where the result goes, as for the others; an all-reduce may also work in place, with its input as output. */
  output?: D extends HostArray ? D : never;
}

/** Elements of an array, or rows (entries along the first axis) of a tensor, per rank. */
export type Counts = readonly number[];

/**
 * A group of ranks that exchange data. Every collective returns at once with a `Work`; the data moves on a thread of its
 * own while JavaScript goes on. Until a work is done its arrays belong to it: don't write to them.
 *
 * All ranks call the same collectives in the same order. They compare what they call before any data moves: ranks that
 * disagree all fail, with both sides in the message. Any failure (a rank dead, late, in disagreement) fails everything in
 * progress and ends the communicator.
 */
export interface Communicator {
  readonly engine: EngineName;
  readonly rank: number;
  readonly size: number;

  /** Share r of the data goes to rank r. @returns the shares of all ranks for this one, by rank; shape as the input's */
  allToAll<D extends Data>(data: D, options?: MoveOptions<D>): Work<D>;

  /**
   * Exchanges as allToAll does, with shares of any length, none included.
   *
   * @param counts `sendCounts[r]` for rank r, `recvCounts[r]` from it; rank r's `sendCounts` must say the same
   */
  allToAllV<D extends Data>(
    data: D,
    counts: { sendCounts: Counts; recvCounts: Counts },
    options?: ExchangeRowsOptions<D>,
  ): Work<D>;

  /**
   * Reduces over all ranks.
   *
   * @returns the reduction over all ranks, element by element: the same bits on every rank. Floats are added up in the
   * order of the ranks over gloo, in NCCL's own order over nccl.
   */
  allReduce<D extends Data>(data: D, options?: ReduceOptions<D>): Work<D>;

  /** Gathers. @returns the data of all ranks, by rank: `size` times as long */
  allGather<D extends Data>(data: D, options?: MoveOptions<D>): Work<D>;

  /** Gathers as allGather does, each rank with data of its own length. */
  allGatherV<D extends Data>(data: D, counts: { recvCounts: Counts }, options?: MoveOptions<D>): Work<D>;

  /** Reduces, and scatters the result. @returns share `rank` of the reduction over all ranks */
  reduceScatter<D extends Data>(data: D, options?: ReduceOptions<D>): Work<D>;

  /**
   * Sends the root's data to all ranks.
   *
   * @param data on the root what is sent, elsewhere only its type and shape count
   * @returns the root's data
   */
  broadcast<D extends Data>(data: D, options?: MoveOptions<D> & { root?: number }): Work<D>;

  /** Done when every rank has called it. */
  barrier(options?: CollectiveOptions): Work<void>;

  /**
   * Ranks of one colour form a new communicator, ordered by `key`, then by rank. Every rank must call it; without a
   * colour, a rank is in no group.
   */
  split(color: number | undefined, key?: number): Promise<Communicator | undefined>;

  /** What the last collectives were and how far they came. */
  flightRecord(): FlightRecord;

  /** Fails everything in progress, on all ranks. */
  abort(text: string): void;

  /** Ends what is in progress, waits a moment for the other ranks to close as well, and leaves. Harmless a second time. */
  close(): Promise<void>;
}

/** One collective of a flight record. Times in milliseconds since 1970, 0 for what has not happened. */
export interface FlightEntry {
  sequence: number;
  operation: string;
  /** The call with reduction, dtype and size, as in messages about disagreements. */
  call: string;
  dtype: string;
  bytes: number;
  state: 'queued' | 'waiting for ranks' | 'moving data' | 'done' | 'failed';
  /** How far it came before it was done or failed. */
  reached: 'queued' | 'waiting for ranks' | 'moving data';
  /** Ranks that, in a failure, had not come when it happened. */
  waitingFor: number[];
  issuedMs: number;
  startedMs: number;
  finishedMs: number;
}

/** The last collectives of one rank, oldest first. */
export interface FlightRecord {
  version: 1;
  group: string;
  rank: number;
  size: number;
  /** Why the communicator failed; empty where it did not. */
  reason: string;
  writtenMs: number;
  entries: FlightEntry[];
}
