import type { Communicator, ExchangeOptions } from '@scmoe/comm';
import type { Routing } from '@scmoe/gating';
import { callHost, encode, memo, type Memo } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { ExpertBatch } from './Dispatcher.js';
import { inverseOf } from './expertOrder.js';
import { finishPadded, startPadded, type PaddedExchange, type PaddedInFlight } from './paddedExchange.js';

/** How the rows of a routing travel in one step: what the ranks tell each other before they do. */
export interface KnownJourney {
  sendCounts: readonly number[];
  recvCounts: readonly number[];
  /** Rows of each expert here. */
  counts?: Int32Array;
  /** Places of the rows that came in the order of the experts; none where they come in it. */
  places?: Int32Array;
}

/** What a rank of a group is, as far as fixed sizes need it. */
export interface PaddedJourneysOptions {
  communicator: Communicator;
  exchange: ExchangeOptions;
  /** Asks the other ranks, with the row counts of each part; every rank calls it. */
  ask: (counts: readonly Int32Array[], parts: readonly Routing[]) => readonly KnownJourney[];
  /** Experts of a routing that are here. */
  expertsHere: (routing: Routing) => number;
}

/** A routing's rows in buffers of fixed size. */
interface PaddedJourney {
  /** There and back. */
  out: PaddedExchange;
  back: PaddedExchange;
  /** (experts here) int32: the rows of each. A new tensor at each call, as the two below. */
  counts: () => tf.Tensor1D;
  /** (R) int32: the row of the experts' order for each that came, and the other way round. */
  places: () => tf.Tensor1D;
  inverse: () => tf.Tensor1D;
}

/** Rows on their way. */
export type PaddedTravelling = { inFlight: PaddedInFlight; padded: Routing; place: Memo<tf.Tensor2D> | undefined };

/**
 * How rows without a capacity travel in a step that is recorded once and run many times. Its buffers have one size at every step:
 * that of all rows of all ranks, so that any routing fits. What travels is exactly the rows that there are, for their numbers are
 * exchanged, and the order of the rows found, by calls of the host. What it costs is products with rows of zeros.
 */
export class PaddedJourneys {
  // One entry a layer in progress, gone with its routing.
  private readonly journeys = new WeakMap<tf.DataId, PaddedJourney>();

  constructor(private readonly options: PaddedJourneysOptions) {}

  has({ counts }: Routing): boolean {
    return this.journeys.has(counts.dataId);
  }

  /** Has the row counts exchanged; those of all parts go in one exchange, once where a part of a pass runs twice. */
  plan(parts: readonly Routing[]): void {
    const { communicator, exchange, ask, expertsHere } = this.options;
    const place = memo<{ known: readonly KnownJourney[] }>({ isLarge: false });
    // What holds in the step under way.
    const now = place?.value ?? { known: [] };
    const isFirst = place?.value === undefined;
    if (isFirst) place?.leave(now);
    // A rank may have a token more than another.
    const sizes = parts.map(({ numRows, experts }) => communicator.size * (numRows + experts.shape[1]));
    const hear = (counts: readonly tf.Tensor[]) => {
      const sent = counts.map((tensor) => Int32Array.from(tensor.dataSync()));
      now.known = ask(sent, parts);
      return [];
    };
    if (isFirst) callHost({ name: 'row counts', inputs: parts.map(({ counts }) => counts), outputs: [], run: hear });
    parts.forEach((part, i) => {
      const known = () => now.known[i]!;
      const reversed = () => ({ sendCounts: known().recvCounts, recvCounts: known().sendCounts });
      const [numRows, size] = [part.numRows, sizes[i]!];
      const ends = { communicator, options: exchange };
      this.journeys.set(part.counts.dataId, {
        out: { ...ends, counts: known, sendRows: numRows, recvRows: size },
        back: { ...ends, counts: reversed, sendRows: size, recvRows: numRows },
        counts: () => fromHost('rows of each expert', expertsHere(part), () => known().counts!),
        places: () => fromHost('places of the rows', size, () => placesOf(known(), size)),
        inverse: () => fromHost('rows of the places', size, () => inverseOf(placesOf(known(), size))),
      });
    });
  }

  startDispatch(packed: tf.Tensor2D, routing: Routing): PaddedTravelling {
    return this.start(packed, routing, this.journeyOf(routing).out);
  }

  finishDispatch(travelling: PaddedTravelling): ExpertBatch {
    const { places, counts } = this.journeyOf(travelling.padded);
    return { rows: moved(finish(travelling), places()), counts: counts(), capacity: 0 };
  }

  startCombine(rows: tf.Tensor2D, routing: Routing): PaddedTravelling {
    const { back, inverse } = this.journeyOf(routing);
    return this.start(moved(rows, inverse()), routing, back);
  }

  /** All numRows: those that no choice fills are zero. */
  finishCombine(travelling: PaddedTravelling): tf.Tensor2D {
    return finish(travelling);
  }

  private start(rows: tf.Tensor2D, padded: Routing, exchange: PaddedExchange): PaddedTravelling {
    const place = memo<tf.Tensor2D>({ isLarge: true });
    return { inFlight: startPadded(rows, exchange, place?.value), padded, place };
  }

  private journeyOf({ counts }: Routing): PaddedJourney {
    return this.journeys.get(counts.dataId)!;
  }
}

function finish({ inFlight, place }: PaddedTravelling): tf.Tensor2D {
  const came = finishPadded(inFlight);
  if (place && !place.value) place.leave(came);
  return came;
}

/** Whole numbers that the host knows once the row counts are exchanged. */
function fromHost(name: string, length: number, numbers: () => Int32Array): tf.Tensor1D {
  const outputs = [{ dtype: 'int32' as const, shape: [length] }];
  const run = () => [tf.tensor1d(numbers(), 'int32')];
  return callHost({ name, inputs: [], outputs, isCut: false, run })[0] as tf.Tensor1D;
}

/** The place of each row, where rows beyond those that came stay where they are. */
function placesOf({ places }: KnownJourney, size: number): Int32Array {
  return Int32Array.from({ length: size }, (_, row) => places?.[row] ?? row);
}

/** Row i goes to row `places[i]`; (R, d) -> (R, d). */
function moved(rows: tf.Tensor2D, places: tf.Tensor1D): tf.Tensor2D {
  return encode(rows, tf.reshape(places, [places.size, 1]), { numRows: places.size });
}
