import type { Communicator, ExchangeOptions, Work } from '@scmoe/comm';
import { ArgumentError } from '@scmoe/errors';
import type { Routing } from '@scmoe/gating';
import { encode, memo, type Memo } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { forShards } from '../moe/DirectPassage.js';
import type { JourneyCounts, RowPassage } from '../moe/RowPassage.js';
import { repeated, summed } from './blocksOfRows.js';
import { sharePieces, type SharePieces, unitsOfPieces } from './sharePieces.js';
import type { TensorGroup } from './TensorGroup.js';

/** Rows on their way, and where what comes of them is kept for a second pass. */
type Exchanging = { ticket: tf.Tensor1D; place: Memo<tf.Tensor2D> | undefined; journey: SharedJourney };

/** How the rows of a routing travel. */
interface SharedJourney extends JourneyCounts {
  /** How they come back. */
  readonly back: SharePieces;
  /** Slots of each expert; 0 where rows follow each other. */
  readonly capacity: number;
  readonly numExperts: number;
}

/** Who takes part in it. */
export interface GatheringPassageOptions {
  /** The ranks that share the experts out, in slices on `shards` neighbours each. */
  communicator: Communicator;
  shards: number;
  exchange: ExchangeOptions;
  /** The ranks that have the same tokens. */
  group: TensorGroup;
  /** Slots of each expert that a routing has before it is shared out; 0 without a capacity. */
  capacityOf: (routing: Routing) => number;
}

/**
 * The way of packed rows that all ranks of a tensor-parallel group have: each sends its share out, and what comes back is gathered
 * over the group, piece by piece while the next is on its way (Parm's S2 with its all-gather fused, arXiv 2407.00599). So links
 * within a group and links between groups work at the same time. The bits are those of one exchange and one gather behind it.
 *
 * The gradients of rows that went out come back like that too.
 */
export class GatheringPassage implements RowPassage<Exchanging> {
  private readonly journeys = new WeakMap<tf.DataId, SharedJourney>();

  constructor(private readonly options: GatheringPassageOptions) {}

  /** @param packed all rows of the group: (numRows, d) */
  startOut(packed: tf.Tensor2D, counts: JourneyCounts, routing: Routing): Exchanging {
    const journey = this.journeyOf(counts, routing);
    const place = memo<tf.Tensor2D>({ isLarge: true });
    const arrived = place?.value;
    const start = tf.customGrad<tf.Tensor1D>((given) => ({
      value: arrived ? ticketOf(() => arrived.clone()) : this.send(given as tf.Tensor2D, journey),
      gradFunc: (dTicket: tf.Tensor) => arrive(dTicket),
    }));
    return { ticket: start(packed), place, journey };
  }

  finishOut({ ticket, place, journey }: Exchanging): tf.Tensor2D {
    const finish = tf.customGrad<tf.Tensor2D>((given) => ({
      value: arrive(given as tf.Tensor),
      gradFunc: (dy: tf.Tensor) => this.sendBack(dy as tf.Tensor2D, journey),
    }));
    return kept(finish(ticket), place);
  }

  startBack(rows: tf.Tensor2D, counts: JourneyCounts, routing: Routing): Exchanging {
    const journey = this.journeyOf(counts, routing);
    const place = memo<tf.Tensor2D>({ isLarge: true });
    const arrived = place?.value;
    const start = tf.customGrad<tf.Tensor1D>((given) => ({
      value: arrived ? ticketOf(() => arrived.clone()) : this.sendBack(given as tf.Tensor2D, journey),
      gradFunc: (dTicket: tf.Tensor) => arrive(dTicket),
    }));
    return { ticket: start(rows), place, journey };
  }

  /** All rows of the group: (numRows, d). */
  finishBack({ ticket, place, journey }: Exchanging): tf.Tensor2D {
    const finish = tf.customGrad<tf.Tensor2D>((given) => ({
      value: arrive(given as tf.Tensor),
      gradFunc: (dy: tf.Tensor) => this.send(dy as tf.Tensor2D, journey),
    }));
    return kept(finish(ticket), place);
  }

  /** This rank's share of rows that all have, to the ranks of their experts. */
  private send(all: tf.Tensor2D, { capacity, numExperts, sendCounts, recvCounts }: SharedJourney): tf.Tensor1D {
    const { communicator, shards, exchange, group } = this.options;
    const total = sendCounts.reduce((sum, count) => sum + count, 0);
    const rows = tf.tidy(() => {
      if (total === 0) return tf.zeros<tf.Rank.R2>([0, all.shape[1]]);
      const blocks = capacity > 0 ? { blocks: numExperts, slots: capacity } : { blocks: 1, slots: all.shape[0] };
      const dealt = group.takeSlots(all, blocks);
      // Without a capacity the last round may not reach everybody.
      const own = dealt.shape[0] === total ? dealt : tf.slice(dealt, [0, 0], [total, all.shape[1]]);
      return repeated(own, sendCounts, shards);
    });
    const counts = { sendCounts: forShards(sendCounts, shards), recvCounts };
    const work = communicator.allToAllV<tf.Tensor>(rows, counts, exchange);
    rows.dispose();
    return ticketOf(() => work.wait() as tf.Tensor2D);
  }

  /** Rows of the experts here to the ranks they came from, and from there to the others of their group. */
  private sendBack(rows: tf.Tensor2D, { back, sendCounts, recvCounts }: SharedJourney): tf.Tensor1D {
    const { communicator, shards, exchange, group } = this.options;
    const { pieces } = back;
    const width = rows.shape[1];
    const fromRanks = forShards(sendCounts, shards);
    const { unitSize, numUnits, own } = unitsOfPieces(communicator, { groupSize: group.size, shards });
    const inUnit = (counts: readonly number[], unit: number) =>
      counts.map((count, rank) => (Math.floor(rank / unitSize) === unit ? count : 0));
    const sumOf = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);
    const works = pieces.map(({ unit }, i) => {
      const to = (own + i) % numUnits;
      const leaving = inUnit(recvCounts, to);
      const first = sumOf(recvCounts.slice(0, to * unitSize));
      const part = tf.slice(rows, [first, 0], [sumOf(leaving), width]);
      const counts = { sendCounts: leaving, recvCounts: inUnit(fromRanks, unit) };
      const work = communicator.allToAllV<tf.Tensor>(part, counts, exchange);
      part.dispose();
      return work;
    });
    return ticketOf(() => {
      const gathers = pieces.map(({ firstRun, numRuns, shares }, i): Work<tf.Tensor> => {
        const came = works[i]!.wait() as tf.Tensor2D;
        const share = tf.tidy(() => summed(came, sendCounts.slice(firstRun, firstRun + numRuns), shards));
        const gather = group.startGather(share, shares);
        tf.dispose([came, share]);
        return gather;
      });
      return tf.tidy(() => {
        const parts = gathers.map((gather) => gather.wait() as tf.Tensor2D);
        const all = parts.length === 1 ? parts[0]! : tf.concat(parts);
        if (all.size === 0) return tf.zeros<tf.Rank.R2>([back.numRows, width]);
        return encode(all, tf.tensor2d(back.places, [back.places.length, 1], 'int32'), { numRows: back.numRows });
      });
    });
  }

  private journeyOf(counts: JourneyCounts, routing: Routing): SharedJourney {
    const known = this.journeys.get(routing.counts.dataId);
    if (known) return known;
    const { communicator, shards, group, capacityOf } = this.options;
    const capacity = capacityOf(routing);
    // With a capacity every expert has as many slots, whatever is in them.
    const rows = capacity > 0 ? new Int32Array(routing.counts.size) : Int32Array.from(routing.counts.dataSync());
    const back = sharePieces({ counts: rows, capacity, experts: counts.experts, shards }, communicator, group);
    const journey = { ...counts, back, capacity, numExperts: routing.counts.size };
    this.journeys.set(routing.counts.dataId, journey);
    return journey;
  }
}

/** What is waited for. By data, not by tensor: a tape may clone a gradient, and a clone has the same data. */
const arrivals = new WeakMap<tf.DataId, () => tf.Tensor2D>();

function ticketOf(wait: () => tf.Tensor2D): tf.Tensor1D {
  // One element: a gradient has its tensor's shape, and an empty one could be taken for an absent one.
  const ticket = tf.tensor1d([0]);
  arrivals.set(ticket.dataId, wait);
  return ticket;
}

function arrive(ticket: tf.Tensor): tf.Tensor2D {
  const wait = arrivals.get(ticket.dataId);
  if (!wait) throw new ArgumentError('an exchange of rows: it has been finished already, or never started');
  arrivals.delete(ticket.dataId);
  return wait();
}

function kept(came: tf.Tensor2D, place: Memo<tf.Tensor2D> | undefined): tf.Tensor2D {
  if (place && !place.value) place.leave(came);
  return came;
}
