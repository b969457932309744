import { CommError, type Communicator, type ExchangeOptions } from '@scmoe/comm';
import { ArgumentError } from '@scmoe/errors';
import type { Routing } from '@scmoe/gating';
import { decode, encode, hasStaticShapes, memo } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { Dispatcher, ExpertBatch } from './Dispatcher.js';
import { byPart, byRank, expertOrder, inverseOf, rowsPerRank } from './expertOrder.js';
import type { TensorGroup } from '../tensorParallel/TensorGroup.js';
import { DirectPassage, forShards } from './DirectPassage.js';
import { expertShard, expertShares } from './expertShard.js';
import { PaddedJourneys, type PaddedTravelling } from './PaddedJourneys.js';
import type { JourneyCounts, RowPassage } from './RowPassage.js';

/** Options of `ExpertParallelDispatcher`. */
export interface ExpertParallelOptions extends ExchangeOptions {
  /** The ranks that share the experts out: rank r has the r-th run of them by global id, as `expertShard` says. */
  communicator: Communicator;
  /** Neighbours that hold a slice each of the hidden width of the same experts. Default: 1, the experts are whole. */
  shards?: number;
  /** Those neighbours, for gradients of what they all hold beside their slices. Default: nobody asks. */
  shardGroup?: TensorGroup | undefined;
  /** Experts of all ranks together, over which every rank routes its tokens. */
  numExperts: number;
  /** The rows of each expert that are handed over here, of those that a routing without a capacity counts. Default: all of them. */
  rowsHere?: (counts: Int32Array) => Int32Array;
  /** How rows come to the ranks of their experts and back. Default: in one exchange each. */
  passage?: RowPassage;
}

/** Rows on their way, and whose they are. */
type Travelling = { inFlight: object; routing: Routing; elements?: number };

/** How the rows of one routing travel, the way back the other way round, and in which order they lie at the experts. */
interface Journey extends JourneyCounts {
  /** Rows that each expert has room for, as in ExpertBatch. */
  capacity: number;
  /** Rows of each expert here, and the places of what came; without a capacity. */
  counts?: Int32Array;
  places?: Int32Array;
  /** Rows by rank, then by expert here. */
  received?: Int32Array;
}

/**
 * The dispatcher of experts that are shared out over several ranks. Each rank sends its tokens to the ranks of their
 * experts and gets back what those made of them. Every rank calls every method for every layer in the same order, also
 * where it has no token to send.
 *
 * With a capacity C, every rank sends each expert exactly C rows, which needs no word beforehand and nothing on the host;
 * C has to be the same on all ranks. An expert of W ranks computes W * C rows. Those that were not filled are zero when
 * they go; what comes back for them is never read by decode, so that their gradient is zero as well.
 *
 * Without one, the row counts are read on the host and exchanged first, then exactly the rows that there are. Those of all
 * parts of a routing go in one exchange.
 *
 * `as: 'bf16'` halves what travels, in both directions and in the backward pass.
 *
 * The gradient of an expert is the sum over the tokens of all ranks, that of any other parameter over this rank's alone.
 *
 * Where the ranks do not divide the experts, some have one more than others.
 *
 * With `shards`, every row goes to each of the neighbours that hold a slice of its expert, and what they send back is added up
 * here (the exchange of Parm's schedules, arXiv 2407.00599).
 *
 * @throws ArgumentError where there are fewer experts than ranks with experts of their own, or shards do not divide the ranks
 */
export class ExpertParallelDispatcher implements Dispatcher<
  Travelling | PaddedTravelling,
  Travelling | PaddedTravelling
> {
  readonly numRanks: number;
  readonly numShards: number;
  readonly shardGroup: TensorGroup | undefined;
  private readonly communicator: Communicator;
  private readonly numExperts: number;
  /** Experts of each run of them, which is a rank's or that of its neighbours as well. */
  private readonly shares: readonly number[];
  private readonly passage: RowPassage;
  /** How rows without a capacity travel in a step that is recorded. */
  private readonly padded: PaddedJourneys;
  private readonly rowsHere: (counts: Int32Array) => Int32Array;
  // What combine has to know of its dispatch. One entry a layer in progress, gone with its routing.
  private readonly journeys = new WeakMap<tf.DataId, Journey>();
  // Whose journey was asked for beforehand: it holds for every dispatch of that routing.
  private readonly prepared = new WeakSet<tf.DataId>();

  constructor({
    communicator,
    numExperts,
    shards = 1,
    shardGroup,
    rowsHere = (counts) => counts,
    passage,
    as,
  }: ExpertParallelOptions) {
    expertShard(numExperts, { rank: communicator.rank, size: communicator.size, shards });
    this.communicator = communicator;
    this.numExperts = numExperts;
    this.rowsHere = rowsHere;
    this.numRanks = communicator.size / shards;
    this.numShards = shards;
    this.shardGroup = shardGroup;
    this.shares = expertShares(numExperts, this.numRanks);
    const exchange = as === undefined ? {} : { as };
    this.passage = passage ?? new DirectPassage(communicator, shards, exchange);
    this.padded = new PaddedJourneys({
      communicator,
      exchange,
      ask: (counts, parts) => this.askForRows(counts, parts),
      expertsHere: (routing) => this.expertsHere(routing),
    });
  }

  encode(tokens: tf.Tensor2D, { slots, numRows }: Routing): tf.Tensor2D {
    return encode(tokens, slots, { numRows });
  }

  /**
   * Takes in which parts a routing travels, once or in several layers. Each is a routing over all experts, or, where the ranks
   * have as many each, over as many of each rank.
   *
   * @throws ArgumentError for a part over experts that the ranks do not share evenly; CommError where the exchange of row
   *   counts failed
   */
  prepare(parts: readonly Routing[]): void {
    this.plan(parts);
    for (const { counts } of parts) this.prepared.add(counts.dataId);
  }

  private plan(parts: readonly Routing[]): void {
    const { numRanks, numExperts } = this;
    for (const { counts } of parts) {
      const isWhole = counts.size === numExperts;
      if (isWhole || (numExperts % numRanks === 0 && counts.size % numRanks === 0 && numExperts % counts.size === 0))
        continue;
      throw new ArgumentError(
        `prepare on ${this.here()}: expected parts over equal shares of ${numExperts} experts, got one over ${counts.size}`,
      );
    }
    const isEven = parts[0]!.capacity > 0;
    if (!isEven && hasStaticShapes()) return this.planPadded(parts);
    const journeys = isEven ? parts.map((part) => this.evenJourney(part)) : once(() => this.askNow(parts));
    parts.forEach(({ counts: { dataId } }, i) => this.journeys.set(dataId, journeys[i]!));
  }

  private planPadded(parts: readonly Routing[]): void {
    if (this.numShards === 1) return this.padded.plan(parts);
    throw new ArgumentError(
      `dispatch on ${this.here()}: shards: expected 1 without a capacity in a step of fixed shapes, got ${this.numShards}`,
    );
  }

  /**
   * Starts to send packed rows.
   *
   * @throws ArgumentError for a routing over another number of experts that was not prepared; CommError where the exchange
   *   of row counts failed
   */
  startDispatch(packed: tf.Tensor2D, routing: Routing): Travelling | PaddedTravelling {
    const { counts, capacity } = routing;
    if (!this.prepared.has(counts.dataId)) {
      if (counts.size !== this.numExperts) {
        throw new ArgumentError(
          `dispatch on ${this.here()}: expected a routing over ${this.numExperts} experts, as this dispatcher was made for, got one over ${counts.size}`,
        );
      }
      this.plan([routing]);
    }
    if (this.padded.has(routing)) return this.padded.startDispatch(packed, routing);
    const journey = this.journeyOf(routing);
    const { sendCounts } = journey;
    return {
      inFlight: this.passage.startOut(packed, journey, routing),
      routing,
      ...(capacity > 0 && { elements: Math.max(...sendCounts) * packed.shape[1] }),
    };
  }

  /**
   * Waits for the rows of the experts here.
   *
   * @throws CommError where the exchange failed; with this rank's side where the ranks disagree on the capacity
   */
  finishDispatch(travelling: Travelling | PaddedTravelling): ExpertBatch {
    if ('padded' in travelling) return this.padded.finishDispatch(travelling);
    const { inFlight, routing, elements } = travelling;
    const { capacity, counts, places } = this.journeyOf(routing);
    const came = this.explained(routing, () => this.passage.finishOut(inFlight), elements);
    if (capacity > 0) {
      const expertsHere = this.expertsHere(routing);
      return {
        rows: swapBlocks(came, this.communicator.size, expertsHere),
        counts: tf.fill([expertsHere], capacity, 'int32'),
        capacity,
      };
    }
    return { rows: moveRows(came, places), counts: tf.tensor1d(counts!, 'int32'), capacity };
  }

  startCombine(rows: tf.Tensor2D, routing: Routing): Travelling | PaddedTravelling {
    if (this.padded.has(routing)) return this.padded.startCombine(rows, routing);
    const journey = this.journeyOf(routing);
    const { capacity, places } = journey;
    const leaving =
      capacity > 0
        ? swapBlocks(rows, this.expertsHere(routing), this.communicator.size)
        : moveRows(rows, places && inverseOf(places));
    return { inFlight: this.passage.startBack(leaving, journey, routing), routing };
  }

  finishCombine(travelling: Travelling | PaddedTravelling): tf.Tensor2D {
    if ('padded' in travelling) return this.padded.finishCombine(travelling);
    return this.passage.finishBack(travelling.inFlight);
  }

  rowsFrom(part: Routing): readonly ArrayLike<number>[] {
    const { size } = this.communicator;
    const { received } = this.journeyOf(part);
    const experts = this.expertsHere(part);
    return Array.from({ length: experts }, (_, e) =>
      Array.from({ length: size }, (__, rank) => received?.[rank * experts + e] ?? part.capacity),
    );
  }

  decode(rows: tf.Tensor2D, { weights, slots }: Routing): tf.Tensor2D {
    return decode(rows, weights, slots);
  }

  /** Experts of a routing that each run has. */
  private sharesOf({ counts }: Routing): readonly number[] {
    if (counts.size === this.numExperts) return this.shares;
    return new Array<number>(this.numRanks).fill(counts.size / this.numRanks);
  }

  /** Those that this rank has. */
  private expertsHere(routing: Routing): number {
    return this.sharesOf(routing)[Math.floor(this.communicator.rank / this.numShards)]!;
  }

  /** The same number of rows from each rank for each expert. */
  private evenJourney(routing: Routing): Journey {
    const { capacity } = routing;
    const experts = this.sharesOf(routing);
    return {
      experts,
      sendCounts: experts.map((count) => count * capacity),
      recvCounts: new Array<number>(this.communicator.size).fill(this.expertsHere(routing) * capacity),
      capacity: this.communicator.size * capacity,
    };
  }

  /** Tells the other ranks how many rows of each part each of their experts gets from here, and hears the same from them. */
  private askForRows(sent: readonly Int32Array[], parts: readonly Routing[]): Journey[] {
    const { communicator } = this;
    const { rank, size } = communicator;
    const shares = parts.map((part) => this.sharesOf(part));
    const received = this.explained(parts[0]!, () =>
      communicator.allToAll(byRank(sent, shares, this.numShards)).wait(),
    );
    const ofRanks = shares.map((share) => forShards(share, this.numShards));
    return byPart(received, ofRanks, rank).map((ofPart, i) => {
      const { counts, fromRanks, places } = expertOrder(ofPart, size);
      return {
        experts: shares[i]!,
        sendCounts: rowsPerRank(sent[i]!, shares[i]!),
        recvCounts: fromRanks,
        capacity: 0,
        counts,
        received: ofPart,
        // With one rank, or one expert on each, the rows come in the order of the experts.
        places: size > 1 && counts.length > 1 ? places : undefined,
      };
    });
  }

  private askNow(parts: readonly Routing[]): Journey[] {
    return this.askForRows(
      parts.map(({ counts }) => this.rowsHere(Int32Array.from(counts.dataSync()))),
      parts,
    );
  }

  private journeyOf({ counts }: Routing): Journey {
    const journey = this.journeys.get(counts.dataId);
    if (!journey)
      throw new ArgumentError(`combine on ${this.here()}: this routing was not dispatched by this dispatcher`);
    return journey;
  }

  private here(): string {
    return `rank ${this.communicator.rank} of ${this.communicator.size}`;
  }

  /** Adds to a disagreement what this rank has: the ranks' calls, which it shows, know neither experts nor capacity. */
  private explained<Result>({ capacity, weights }: Routing, call: () => Result, elements?: number): Result {
    try {
      return call();
    } catch (error) {
      // On every rank, whichever saw it first. One that has left, or given up, has another reason than its experts.
      if (!(error instanceof CommError) || error.code !== 'SCMOE_COMM_MISMATCH') throw error;
      const limit = capacity > 0 ? `capacity ${capacity}` : 'no capacity limit';
      const share = elements === undefined ? '' : `, ${elements} elements for each rank`;
      throw new CommError(
        error.code,
        `dispatch of tokens to their experts on ${this.here()}: all ranks need the same experts and capacity (as many tokens each, where a capacity factor is set); here ${limit} for ${weights.shape[0]} tokens and ${this.numExperts} experts${share}. ${error.message}`,
        { ranks: error.ranks },
      );
    }
  }
}

/** The value that the first time has given, in a part of a pass that runs twice. */
function once<Value>(compute: () => Value): Value {
  const place = memo<Value>({ isLarge: false });
  if (place?.value !== undefined) return place.value;
  const value = compute();
  place?.leave(value);
  return value;
}

/** (outer * inner * C, d): from outer-major to inner-major order of blocks of C rows. */
function swapBlocks(rows: tf.Tensor2D, outer: number, inner: number): tf.Tensor2D {
  if (outer === 1 || inner === 1) return rows;
  const blocks = tf.reshape(rows, [outer, inner, -1]);
  return tf.reshape(tf.transpose(blocks, [1, 0, 2]), rows.shape);
}

/** Row i goes to row `places[i]`; (R, d) -> (R, d). */
function moveRows(rows: tf.Tensor2D, places: Int32Array | undefined): tf.Tensor2D {
  if (!places) return rows;
  return encode(rows, tf.tensor2d(places, [places.length, 1], 'int32'), { numRows: places.length });
}
