import { ArgumentError } from '@scmoe/errors';
import type { Routing } from '@scmoe/gating';
import { dispatchPlan, withoutRecording } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { expectExpertChunks, placedCounts, placedExperts, placedSlots, placesByPart } from './expertParts.js';

/** A routing whose rows travel in several exchanges, one after the other. */
export interface ChunkedRouting {
  /** The routing as encode and decode see it: its rows stand part by part. */
  whole: Routing;
  /** What each exchange carries: a routing of its own, over rows `numRows` of the packed buffer. */
  parts: Routing[];
  /** Cuts packed rows (numRows, d) into those of the parts. */
  cut: (packed: tf.Tensor2D) => tf.Tensor2D[];
  /** Puts rows of the parts together again. */
  join: (rows: readonly tf.Tensor2D[]) => tf.Tensor2D;
}

/** Along which axes the rows of a routing are cut; both together make chunks * expertChunks parts. */
export interface ChunkOptions {
  /** Parts of the tokens, or of the slots of each expert where there is a capacity. */
  chunks?: number;
  /** Parts of the experts of each rank. */
  expertChunks?: number;
  /** Ranks that share the experts out. */
  ranks?: number;
}

/**
 * Cuts a routing into parts, of which part t * expertChunks + i has chunk t of the tokens for the i-th run of every rank's
 * experts. What is kept, and where it is computed, stays the same. A part is a routing over the experts of its run alone:
 * those of the first rank, then those of the second, ...
 *
 * With a capacity, the slots of every expert are cut, as in Tutel (arXiv 2206.03382, section 3.3): cutting the tokens
 * would change which of them are dropped. There are at most as many chunks as slots. Without one, the tokens are cut; a
 * part may be without any. So every rank has the same number of parts, whatever its tokens are.
 *
 * Cutting the experts, as EPS-MoE does (arXiv 2410.12247), leaves every expert all of its rows in their order. How many rows
 * a part has is read on the host where there is no capacity.
 *
 * @throws ArgumentError where a number of chunks is no positive integer, or expertChunks does not divide a rank's experts
 */
export function chunkRouting(
  routing: Routing,
  { chunks = 1, expertChunks = 1, ranks = 1 }: ChunkOptions,
): ChunkedRouting {
  if (!Number.isInteger(chunks) || chunks < 1) {
    throw new ArgumentError(`chunks: expected a positive integer, got ${chunks}`);
  }
  expectExpertChunks(expertChunks, routing.counts.size, ranks);
  // One part is no cut; TF.js's gradient of a split into one, for that matter, fails.
  if (expertChunks === 1 && (chunks === 1 || routing.capacity === 1))
    return { whole: routing, parts: [routing], cut: (packed) => [packed], join: ([rows]) => rows! };
  const places = placesByPart(routing.counts.size, { parts: expertChunks, ranks });
  const cut = { chunks, expertChunks, places };
  // Whole numbers, through which nothing flows back: on the tape, tf.grads would ask for their gradient.
  return withoutRecording(() => (routing.capacity > 0 ? chunkSlots(routing, cut) : chunkTokens(routing, cut)));
}

interface Cut {
  chunks: number;
  expertChunks: number;
  places: Int32Array;
}

function chunkSlots(routing: Routing, { chunks, expertChunks, places }: Cut): ChunkedRouting {
  const { capacity } = routing;
  const isPlaced = expertChunks > 1;
  const counts = isPlaced ? placedCounts(routing.counts, places) : routing.counts;
  const numExperts = counts.size / expertChunks; // of a part
  const sizes = evenSizes(capacity, Math.min(chunks, capacity));
  const partCounts = splitInto(counts, expertChunks);
  const parts = sizes.flatMap((size, t) =>
    partCounts.map((own): Routing => ({
      ...routing,
      capacity: size,
      numRows: numExperts * size,
      counts: tf.maximum<tf.Tensor1D>(integer(0), tf.minimum(tf.sub(own, integer(sumBefore(sizes, t))), integer(size))),
    })),
  );
  const byExpert = (rows: tf.Tensor2D, size: number) => tf.reshape<tf.Rank.R3>(rows, [numExperts, size, -1]);
  const ofChunk = (i: number) => sizes.map((_, t) => t * expertChunks + i);
  return {
    whole: isPlaced ? { ...routing, counts, slots: placedSlots(routing, places) } : routing,
    parts,
    cut: (packed) => {
      const cut: tf.Tensor2D[] = [];
      splitInto(packed, expertChunks).forEach((rows, i) => {
        const slots = sizes.length === 1 ? [rows] : tf.split(byExpert(rows, capacity), sizes, 1);
        ofChunk(i).forEach((part, t) => (cut[part] = tf.reshape(slots[t]!, [parts[part]!.numRows, packed.shape[1]])));
      });
      return cut;
    },
    join: (rows) =>
      concatenated(
        Array.from({ length: expertChunks }, (_, i) => {
          const slots = ofChunk(i).map((part, t) => byExpert(rows[part]!, sizes[t]!));
          return tf.reshape(concatenated(slots, 1), [numExperts * capacity, rows[0]!.shape[1]]);
        }),
      ),
  };
}

function chunkTokens(routing: Routing, { chunks, expertChunks, places }: Cut): ChunkedRouting {
  const { weights, counts, load } = routing;
  const isPlaced = expertChunks > 1;
  const experts = isPlaced ? placedExperts(routing, places) : routing.experts;
  const numExperts = counts.size;
  const numZeroExperts = load.size - numExperts;
  const [numTokens, topK] = experts.shape;
  const sizes = evenSizes(numTokens, chunks);
  const ofTokens = sizes.map((size, t): Routing => {
    const rowsOf = (x: tf.Tensor2D) => tf.slice(x, [sumBefore(sizes, t), 0], [size, -1]);
    const own = { experts: rowsOf(experts), weights: rowsOf(weights) };
    const plan = dispatchPlan(own.experts, own.weights, { numExperts, numZeroExperts });
    return { ...routing, ...own, ...plan, numRows: size * topK };
  });
  const rowSizes = ofTokens.map(({ numRows }) => numRows);
  const parts = isPlaced ? ofTokens.flatMap((chunk) => expertPartsOf(chunk, expertChunks)) : ofTokens;
  const partSizes = parts.map(({ numRows }) => numRows);
  const partsOf = <Part>(all: readonly Part[], t: number) => all.slice(t * expertChunks, (t + 1) * expertChunks);
  const slots = ofTokens.map(({ slots }, t) => {
    const isKept = tf.greaterEqual(slots, integer(0));
    return tf.where<tf.Tensor2D>(isKept, tf.add(slots, integer(sumBefore(rowSizes, t))), slots);
  });
  return {
    whole: { ...routing, slots: concatenated(slots) },
    parts,
    cut: (packed) => {
      if (!isPlaced) return tf.split<tf.Tensor2D>(packed, rowSizes, 0);
      // Choices of zero-computation experts have no row: they leave room at the end of each chunk, which no part takes.
      const withRest = rowSizes.flatMap((rows, t) => {
        const own = partsOf(partSizes, t);
        return [...own, rows - sumBefore(own, own.length)];
      });
      return tf.split<tf.Tensor2D>(packed, withRest, 0).filter((_, i) => i % (expertChunks + 1) < expertChunks);
    },
    // A dispatcher may leave the rows of nobody at the end out as well.
    join: (rows) => concatenated(rowSizes.map((size, t) => padded(concatenated(partsOf(rows, t)), size))),
  };
}

/** A chunk of the tokens, whose rows stand in the order of the parts, cut into those: their sizes are read on the host. */
function expertPartsOf(chunk: Routing, expertChunks: number): Routing[] {
  const inPart = chunk.counts.size / expertChunks;
  const rows = [...chunk.counts.dataSync()];
  return splitInto(chunk.counts, expertChunks).map((counts, i) => {
    const numRows = rows.slice(i * inPart, (i + 1) * inPart).reduce((sum, count) => sum + count, 0);
    return { ...chunk, counts, numRows };
  });
}

function splitInto<X extends tf.Tensor>(x: X, parts: number): X[] {
  return parts === 1 ? [x] : tf.split(x, parts, 0);
}

function concatenated<X extends tf.Tensor>(parts: readonly X[], axis = 0): X {
  return parts.length === 1 ? parts[0]! : tf.concat([...parts], axis);
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
