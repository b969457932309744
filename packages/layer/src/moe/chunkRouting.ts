import { ArgumentError } from '@scmoe/errors';
import type { Routing } from '@scmoe/gating';
import { dispatchPlan, withoutRecording } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

/** A routing whose rows travel in several exchanges, one after the other. */
export interface ChunkedRouting {
  /** The routing as encode and decode see it: its rows stand chunk by chunk. */
  whole: Routing;
  /** What each exchange carries: a routing of its own, over rows `numRows` of the packed buffer. */
  parts: Routing[];
  /** Cuts packed rows (numRows, d) into those of the parts. */
  cut: (packed: tf.Tensor2D) => tf.Tensor2D[];
  /** Puts rows of the parts together again. */
  join: (rows: readonly tf.Tensor2D[]) => tf.Tensor2D;
}

/**
 * Cuts a routing into at most `chunks` parts. What is kept, and where it is computed, stays the same.
 *
 * With a capacity, the slots of every expert are cut, as in Tutel (arXiv 2206.03382, section 3.3): cutting the tokens
 * would change which of them are dropped. There are at most as many parts as slots. Without one, the tokens are cut; a
 * part may be without any. So every rank has the same number of parts, whatever its tokens are.
 *
 * @throws ArgumentError where `chunks` is no positive integer
 */
export function chunkRouting(routing: Routing, chunks: number): ChunkedRouting {
  if (!Number.isInteger(chunks) || chunks < 1) {
    throw new ArgumentError(`chunks: expected a positive integer, got ${chunks}`);
  }
  // One part is no cut; TF.js's gradient of a split into one, for that matter, fails.
  if (chunks === 1 || routing.capacity === 1)
    return { whole: routing, parts: [routing], cut: (packed) => [packed], join: ([rows]) => rows! };
  // Whole numbers, through which nothing flows back: on the tape, tf.grads would ask for their gradient.
  return withoutRecording(() => (routing.capacity > 0 ? chunkSlots(routing, chunks) : chunkTokens(routing, chunks)));
}

function chunkSlots(routing: Routing, chunks: number): ChunkedRouting {
  const { capacity, counts } = routing;
  const numExperts = counts.size;
  const sizes = evenSizes(capacity, Math.min(chunks, capacity));
  const parts = sizes.map((size, i): Routing => ({
    ...routing,
    capacity: size,
    numRows: numExperts * size,
    counts: tf.maximum<tf.Tensor1D>(
      integer(0),
      tf.minimum(tf.sub(counts, integer(sumBefore(sizes, i))), integer(size)),
    ),
  }));
  const byExpert = (rows: tf.Tensor2D, size: number) => tf.reshape(rows, [numExperts, size, -1]);
  return {
    whole: routing,
    parts,
    cut: (packed) =>
      tf
        .split(tf.reshape(packed, [numExperts, capacity, packed.shape[1]]), sizes, 1)
        .map((slots, i) => tf.reshape<tf.Rank.R2>(slots, [parts[i]!.numRows, packed.shape[1]])),
    join: (rows) =>
      tf.reshape(
        tf.concat(
          rows.map((part, i) => byExpert(part, sizes[i]!)),
          1,
        ),
        [routing.numRows, -1],
      ),
  };
}

function chunkTokens(routing: Routing, chunks: number): ChunkedRouting {
  const { experts, weights, counts, load } = routing;
  const numExperts = counts.size;
  const numZeroExperts = load.size - numExperts;
  const [numTokens, topK] = experts.shape;
  const sizes = evenSizes(numTokens, chunks);
  const parts = sizes.map((size, i): Routing => {
    const begin = sumBefore(sizes, i);
    const rowsOf = (x: tf.Tensor2D) => tf.slice(x, [begin, 0], [size, -1]);
    const own = { experts: rowsOf(experts), weights: rowsOf(weights) };
    const plan = dispatchPlan(own.experts, own.weights, { numExperts, numZeroExperts });
    return { ...routing, ...own, ...plan, numRows: size * topK };
  });
  const rowSizes = parts.map(({ numRows }) => numRows);
  const slots = parts.map(({ slots }, i) => {
    const isKept = tf.greaterEqual(slots, integer(0));
    return tf.where<tf.Tensor2D>(isKept, tf.add(slots, integer(sumBefore(rowSizes, i))), slots);
  });
  return {
    whole: { ...routing, slots: tf.concat<tf.Tensor2D>(slots, 0) },
    parts,
    cut: (packed) => tf.split(packed, rowSizes, 0),
    // Choices of zero-computation experts have no row, and a dispatcher may leave the rows of nobody at the end out.
    join: (rows) =>
      tf.concat(
        rows.map((part, i) => padded(part, rowSizes[i]!)),
        0,
      ),
  };
}

/** (rows, d) with zeros below. */
function padded(x: tf.Tensor2D, rows: number): tf.Tensor2D {
  const missing = rows - x.shape[0];
  return missing > 0
    ? tf.pad(x, [
        [0, missing],
        [0, 0],
      ])
    : x;
}

/** `total` in `count` whole shares that differ by at most one. */
function evenSizes(total: number, count: number): number[] {
  return Array.from(
    { length: count },
    (_, i) => Math.floor(((i + 1) * total) / count) - Math.floor((i * total) / count),
  );
}

function sumBefore(sizes: readonly number[], index: number): number {
  return sizes.slice(0, index).reduce((sum, size) => sum + size, 0);
}

/** A bare number would make float32 of whole numbers. */
function integer(value: number): tf.Scalar {
  return tf.scalar(value, 'int32');
}
