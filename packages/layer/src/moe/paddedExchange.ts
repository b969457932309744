import type { Communicator, Counts, ExchangeOptions, Work } from '@scmoe/comm';
import { ArgumentError } from '@scmoe/errors';
import { callHost } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

/** How many rows go to each rank and come from each, which is known when they leave. */
export interface RowCounts {
  readonly sendCounts: Counts;
  readonly recvCounts: Counts;
}

/** An exchange of rows between buffers of fixed size, in a step that is recorded once. */
export interface PaddedExchange {
  readonly communicator: Communicator;
  readonly options: ExchangeOptions;
  /** The counts of the step under way, asked for when rows leave. */
  readonly counts: () => RowCounts;
  /** Rows of the buffer that they leave from and, of the one that they come to, rows at most. */
  readonly sendRows: number;
  readonly recvRows: number;
}

/** A padded exchange on its way. A plain object, so that tf.tidy finds its tensor. */
export interface PaddedInFlight {
  /** Stands for the exchange on the tape; holds no data. */
  readonly ticket: tf.Tensor1D;
  readonly exchange: PaddedExchange;
}

/** What is waited for. By data, not by tensor: a tape may clone a gradient, and a clone has the same data. */
const arrivals = new WeakMap<tf.DataId, () => tf.Tensor2D>();

/**
 * Starts to send the first rows of a buffer, as many as there are, and returns while they are on their way. It is `startAllToAllV` of
 * @scmoe/comm with shapes that are the same at each step; exactly the rows that there are travel, forward and backward.
 *
 * @param rows (sendRows, d)
 * @param arrived (recvRows, d): what has come already, where a forward pass runs a second time
 */
export function startPadded(rows: tf.Tensor2D, exchange: PaddedExchange, arrived?: tf.Tensor2D): PaddedInFlight {
  const start = tf.customGrad<tf.Tensor1D>((x) => ({
    value: arrived ? ticketOf(() => arrived.clone()) : begin(x as tf.Tensor2D, exchange),
    gradFunc: (dTicket: tf.Tensor) => end(dTicket),
  }));
  return { ticket: start(rows), exchange };
}

/** Waits for the rows: (recvRows, d), zeros below them. Once for each start. */
export function finishPadded({ ticket, exchange }: PaddedInFlight): tf.Tensor2D {
  const back: PaddedExchange = {
    ...exchange,
    counts: () => {
      const { sendCounts, recvCounts } = exchange.counts();
      return { sendCounts: recvCounts, recvCounts: sendCounts };
    },
    sendRows: exchange.recvRows,
    recvRows: exchange.sendRows,
  };
  const finish = tf.customGrad<tf.Tensor2D>((x) => ({
    value: end(x as tf.Tensor),
    gradFunc: (dy: tf.Tensor) => begin(dy as tf.Tensor2D, back),
  }));
  return finish(ticket);
}

function begin(rows: tf.Tensor2D, { communicator, options, counts, recvRows }: PaddedExchange): tf.Tensor1D {
  const width = rows.shape[1];
  // At each call of the step, the one under way.
  let work: Work<tf.Tensor> | undefined;
  const leave = ([all]: readonly tf.Tensor[]) => {
    work = communicator.allToAllV<tf.Tensor>(all!, counts(), { ...options, paddedTo: recvRows });
    return [];
  };
  const come = () => {
    const came = work!.wait();
    work = undefined;
    return [came];
  };
  callHost({ name: `${rows.shape[0]} rows at most leave`, inputs: [rows], outputs: [], run: leave });
  return ticketOf(() => {
    const outputs = [{ dtype: 'float32' as const, shape: [recvRows, width] }];
    const [came] = callHost({ name: `${recvRows} rows at most come`, inputs: [], outputs, run: come });
    return came as tf.Tensor2D;
  });
}

function ticketOf(arrive: () => tf.Tensor2D): tf.Tensor1D {
  // One element: a gradient has its tensor's shape, and an empty one could be taken for an absent one.
  const ticket = tf.tensor1d([0]);
  arrivals.set(ticket.dataId, arrive);
  return ticket;
}

function end(ticket: tf.Tensor): tf.Tensor2D {
  const arrive = arrivals.get(ticket.dataId);
  if (!arrive) throw new ArgumentError('an exchange of rows: it has been finished already, or never started');
  arrivals.delete(ticket.dataId);
  return arrive();
}
