import type { Communicator } from '@scmoe/comm';
import { orthogonalize } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

/** What is here of as many matrices of one shape: as many of their rows, or of their columns, as every other rank has. */
export interface StackedSlices {
  /** (matrices, m, n) */
  values: tf.Tensor3D;
  axis: 'rows' | 'columns';
}

/**
 * Orthogonalises matrices that lie in slices on the ranks of a group. Each whole matrix comes together on one rank, which sends its
 * direction back in slices: of a matrix of B bytes a rank of T sends 2 B (T - 1) / T^2 bytes, on average, and computes the T-th
 * part of the directions. To gather every matrix on every rank would be one exchange less, B (T - 1) / T bytes, and all the products on
 * every rank. The directions are those of the whole, bit for bit.
 *
 * Every rank calls it with slices of the same shapes in the same order.
 *
 * @returns the slices of the directions, as those of the matrices; the caller disposes them, or a tidy
 */
export function orthogonalizeOver(group: Communicator, slices: readonly StackedSlices[]): tf.Tensor3D[] {
  if (slices.length === 0) return [];
  const { size, rank } = group;
  const deals = dealMatrices(
    slices.map(({ values, axis }) => wholeShape(values.shape, axis, size)),
    size,
  );
  // Numbers of the slices of the matrices that each rank is dealt.
  const counts = Array.from({ length: size }, (_, owner) =>
    slices.reduce((sum, { values: { shape } }, i) => sum + deals[i]![owner]! * shape[1] * shape[2], 0),
  );
  const mine = new Array<number>(size).fill(counts[rank]!);
  return tf.tidy(() => {
    const leaving = Array.from({ length: size }, (_, owner) =>
      slices.flatMap(({ values }, i) => {
        const count = deals[i]![owner]!;
        return count > 0 ? [flat(tf.slice(values, firstOf(deals[i]!, owner), count))] : [];
      }),
    ).flat();
    const came = group.allToAllV<tf.Tensor>(joined(leaving), { sendCounts: counts, recvCounts: mine }).wait();
    const directions = directionsOf(tf.reshape(came, [size, counts[rank]!]), slices, {
      dealt: deals.map((deal) => deal[rank]!),
      size,
    });
    const back = group.allToAllV<tf.Tensor>(directions, { sendCounts: mine, recvCounts: counts }).wait();
    return slicesOf(back, slices, deals);
  });
}

/**
 * Whose each matrix is: how many of a stack's each rank gets, in the order of the ranks. The largest are dealt first, each to the rank
 * that has the least to compute.
 */
export function dealMatrices(shapes: readonly (readonly [number, number, number])[], ranks: number): number[][] {
  const work = new Array<number>(ranks).fill(0);
  const deals = shapes.map(() => new Array<number>(ranks).fill(0));
  const costs = shapes.map(([, m, n]) => m * n * Math.min(m, n));
  const order = shapes.map((_, i) => i).sort((a, b) => costs[b]! - costs[a]! || a - b);
  for (const i of order) {
    for (let matrix = 0; matrix < shapes[i]![0]; matrix++) {
      const owner = work.indexOf(Math.min(...work));
      work[owner]! += costs[i]!;
      deals[i]![owner]!++;
    }
  }
  return deals;
}

/** (ranks, numbers) of the matrices that are dealt to this rank -> their directions, in slices for each rank: flat. */
function directionsOf(
  came: tf.Tensor2D,
  slices: readonly StackedSlices[],
  { dealt, size }: { dealt: readonly number[]; size: number },
): tf.Tensor {
  let first = 0;
  const parts = slices.flatMap(({ values, axis }, i) => {
    const [, m, n] = values.shape;
    const [count, length] = [dealt[i]!, dealt[i]! * m * n];
    if (count === 0) return [];
    const own: tf.Tensor4D = tf.reshape(tf.slice(came, [0, (first += length) - length], [size, length]), [
      size,
      count,
      m,
      n,
    ]);
    const [, rows, columns] = wholeShape([count, m, n], axis, size);
    const ofMatrices = axis === 'columns' ? [1, 2, 0, 3] : [1, 0, 2, 3];
    const direction = orthogonalize<tf.Tensor3D>(tf.reshape(tf.transpose(own, ofMatrices), [count, rows, columns]));
    const inSlices =
      axis === 'columns'
        ? tf.transpose(tf.reshape(direction, [count, m, size, n]), [2, 0, 1, 3])
        : tf.transpose(tf.reshape(direction, [count, size, m, n]), [1, 0, 2, 3]);
    return [tf.reshape<tf.Rank.R2>(inSlices, [size, length])];
  });
  return flat(parts.length === 0 ? tf.zeros([0]) : parts.length === 1 ? parts[0]! : tf.concat(parts, 1));
}

/** What has come back from every rank, by rank and then by stack, in the shapes of the slices. */
function slicesOf(
  back: tf.Tensor,
  slices: readonly StackedSlices[],
  deals: readonly (readonly number[])[],
): tf.Tensor3D[] {
  const parts = slices.map((): tf.Tensor3D[] => []);
  let first = 0;
  for (let owner = 0; owner < deals[0]!.length; owner++) {
    slices.forEach(({ values: { shape } }, i) => {
      const [count, m, n] = [deals[i]![owner]!, shape[1], shape[2]];
      const length = count * m * n;
      if (count > 0) parts[i]!.push(tf.reshape(tf.slice(back, (first += length) - length, length), [count, m, n]));
    });
  }
  return parts.map((own) => (own.length === 1 ? own[0]! : tf.concat(own, 0)));
}

function wholeShape(
  [count, m, n]: readonly [number, number, number],
  axis: StackedSlices['axis'],
  size: number,
): [number, number, number] {
  return axis === 'rows' ? [count, m * size, n] : [count, m, n * size];
}

/** Where the matrices of a rank begin in a stack. */
function firstOf(deal: readonly number[], owner: number): number {
  return deal.slice(0, owner).reduce((sum, count) => sum + count, 0);
}

function flat(x: tf.Tensor): tf.Tensor1D {
  return tf.reshape(x, [-1]);
}

function joined(parts: readonly tf.Tensor1D[]): tf.Tensor1D {
  return parts.length === 1 ? parts[0]! : tf.concat([...parts]);
}
