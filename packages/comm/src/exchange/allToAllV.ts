import { ArgumentError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import type { Communicator, Counts } from '../communicator/Communicator.js';
import type { Work } from '../communicator/Work.js';

/** Options of `startAllToAllV`. */
export interface ExchangeOptions {
  /** Rows travel as bf16, forward and backward. */
  as?: 'bf16';
}

/** Options of one exchange. */
export interface StartOptions extends ExchangeOptions {
  /**
   * (sum of recvCounts, d): what the other ranks have sent already, where a forward pass runs a second time for the sake of
   * its gradient. Nothing travels then but the gradients.
   */
  arrived?: tf.Tensor2D;
}

/** An exchange on its way. A plain object, so that tf.tidy finds its tensor. */
export type InFlight = {
  /** Stands for the exchange on the tape; holds no data. */
  ticket: tf.Tensor1D;
  sendCounts: Counts;
  recvCounts: Counts;
  communicator: Communicator;
  options: ExchangeOptions;
};

// By data, not by tensor: a tape may clone a gradient, and a clone has the same data.
const works = new WeakMap<tf.DataId, Pick<Work<tf.Tensor>, 'wait'>>();

/**
 * Starts to send rows to the ranks that own them, and returns while they are on their way.
 *
 * Differentiable under tf.grads and valueAndGrads: the gradient of `finishAllToAllV` starts the exchange back, and the
 * gradient of this function waits for it. So what lies between start and finish overlaps in the backward pass as well.
 * Every rank runs the same exchanges in the same order, also where it has no rows.
 *
 * @param rows (R, d) float32: the rows for rank 0, then those for rank 1, ...; R may be 0
 * @param sendCounts rows for each rank; they add up to R
 * @param recvCounts rows from each rank
 */
export function startAllToAllV(
  rows: tf.Tensor2D,
  sendCounts: Counts,
  recvCounts: Counts,
  communicator: Communicator,
  { arrived, ...options }: StartOptions = {},
): InFlight {
  if (rows.shape.length !== 2 || rows.dtype !== 'float32') {
    throw new ArgumentError(
      `startAllToAllV: rows: expected float32 of shape (rows, d), got ${rows.dtype} of shape [${(rows.shape as number[]).join(', ')}]`,
    );
  }
  const start = tf.customGrad<tf.Tensor1D>((x) => ({
    value: arrived
      ? ticketOf({ wait: () => arrived.clone() })
      : begin(x as tf.Tensor, sendCounts, recvCounts, communicator, options),
    gradFunc: (dTicket: tf.Tensor) => end(dTicket, 'the gradient of startAllToAllV'),
  }));
  return { ticket: start(rows), sendCounts, recvCounts, communicator, options };
}

/**
 * Waits for the rows that the other ranks have sent to this one. Once for each start.
 *
 * @returns (sum of recvCounts, d): the rows of rank 0, then those of rank 1, ...
 * @throws CommError where the exchange failed
 */
export function finishAllToAllV({ ticket, sendCounts, recvCounts, communicator, options }: InFlight): tf.Tensor2D {
  const finish = tf.customGrad<tf.Tensor2D>((x) => ({
    value: end(x as tf.Tensor, 'finishAllToAllV'),
    gradFunc: (dy: tf.Tensor) => begin(dy, recvCounts, sendCounts, communicator, options),
  }));
  return finish(ticket);
}

function begin(
  rows: tf.Tensor,
  sendCounts: Counts,
  recvCounts: Counts,
  communicator: Communicator,
  options: ExchangeOptions,
): tf.Tensor1D {
  return ticketOf(communicator.allToAllV(rows, { sendCounts, recvCounts }, options));
}

function ticketOf(work: Pick<Work<tf.Tensor>, 'wait'>): tf.Tensor1D {
  // One element: a gradient has its tensor's shape, and an empty one could be taken for an absent one.
  const ticket = tf.tensor1d([0]);
  works.set(ticket.dataId, work);
  return ticket;
}

function end(ticket: tf.Tensor, what: string): tf.Tensor2D {
  const work = works.get(ticket.dataId);
  if (work === undefined) throw new ArgumentError(`${what}: this exchange has been finished already, or never started`);
  works.delete(ticket.dataId);
  return work.wait() as tf.Tensor2D;
}
