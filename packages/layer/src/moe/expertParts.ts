import { ArgumentError } from '@scmoe/errors';
import type { Routing } from '@scmoe/gating';
import * as tf from '@tensorflow/tfjs';

/** How the experts of every rank are cut into runs of as many, each of which is an exchange of its own. */
export interface ExpertCut {
  /** Number of runs. */
  parts: number;
  /** Ranks that share the experts out. */
  ranks: number;
}

/** Checks that runs are whole. @throws ArgumentError naming the option where they are not. */
export function expectExpertChunks(
  expertChunks: number,
  numExperts: number,
  ranks: number,
  name = 'expertChunks',
): void {
  if (expertChunks === 1) return;
  const here = numExperts / ranks;
  if (Number.isInteger(expertChunks) && expertChunks >= 1 && here % expertChunks === 0) return;
  if (!Number.isInteger(here))
    throw new ArgumentError(
      `${name}: expected 1 where ranks have unequal shares of the experts (${numExperts} over ${ranks} ranks), got ${expertChunks}`,
    );
  const of = ranks > 1 ? `${numExperts} over ${ranks} ranks` : 'all on one rank';
  throw new ArgumentError(`${name}: expected a divisor of the ${here} experts of a rank (${of}), got ${expertChunks}`);
}

/**
 * The place of every expert where those of part 0 come first, of all ranks one after the other, then those of part 1, ...:
 * expert r * L + i * q + j, of L on a rank and q in a part, comes to i * (ranks * q) + r * q + j.
 */
export function placesByPart(numExperts: number, { parts, ranks }: ExpertCut): Int32Array {
  const onRank = numExperts / ranks;
  const inPart = onRank / parts;
  return Int32Array.from({ length: numExperts }, (_, expert) => {
    const [rank, local] = [Math.floor(expert / onRank), expert % onRank];
    const part = Math.floor(local / inPart);
    return (part * ranks + rank) * inPart + (local % inPart);
  });
}

/** Ids (T, k) of experts by their places. Nobody, which is -1, and zero-computation experts stay what they are. */
export function placedExperts({ experts, counts, load }: Routing, places: Int32Array): tf.Tensor2D {
  const table = Int32Array.from({ length: load.size + 1 }, (_, i) =>
    i <= counts.size && i > 0 ? places[i - 1]! : i - 1,
  );
  return tf.gather(tf.tensor1d(table, 'int32'), tf.add(experts, integer(1))) as tf.Tensor as tf.Tensor2D;
}

/** Slots (T, k) with a capacity C where the C rows of each expert lie at its place; which of them are filled stays the same. */
export function placedSlots({ slots, capacity }: Routing, places: Int32Array): tf.Tensor2D {
  const isKept = tf.greaterEqual(slots, integer(0));
  const kept = tf.maximum(slots, integer(0));
  const expert = tf.floorDiv<tf.Tensor2D>(kept, integer(capacity));
  const within = tf.sub(kept, tf.mul(expert, integer(capacity)));
  const place = tf.gather(tf.tensor1d(places, 'int32'), expert);
  return tf.where<tf.Tensor2D>(isKept, tf.add(tf.mul(place, integer(capacity)), within), slots);
}

/** Counts (N) of experts in the order of their places. */
export function placedCounts(counts: tf.Tensor1D, places: Int32Array): tf.Tensor1D {
  const experts = new Int32Array(places.length);
  places.forEach((place, expert) => (experts[place] = expert));
  return tf.gather(counts, tf.tensor1d(experts, 'int32'));
}

/** A bare number would make float32 of whole numbers. */
function integer(value: number): tf.Scalar {
  return tf.scalar(value, 'int32');
}
