import * as tf from '@tensorflow/tfjs';

/** Rows of the experts in blocks of one size, of which each belongs to one expert. */
export interface ExpertBlocks {
  /** (B, b, d), zeros where a block has no row. */
  rows: tf.Tensor3D;
  /** (B) int32: the expert of each block. */
  experts: tf.Tensor1D;
  /** Brings what was made of the rows, (B, b, f), back to their places: (R, f), zeros for rows of no expert. */
  unpack: (blocks: tf.Tensor) => tf.Tensor2D;
}

/**
 * Packed rows in blocks, with shapes that depend on R and N alone: an expert of c rows gets ceil(c / b) blocks, which are at most
 * floor(R / b) + N together. Blocks are about half as long as an even share, so that weights are copied three times and a quarter of the
 * rows is padding.
 *
 * @param rows (R, d), those of an expert after those of the one before
 * @param counts (N) int32
 */
export function expertBlocks(rows: tf.Tensor2D, counts: tf.Tensor1D): ExpertBlocks {
  const [numRows] = rows.shape;
  const numExperts = counts.size;
  const size = blockSize(numRows / numExperts);
  const numBlocks = Math.floor(numRows / size) + numExperts;
  const length = tf.scalar(size, 'int32');
  const range = (count: number) => tf.range(0, count, 1, 'int32');
  const sums = (x: tf.Tensor) => tf.cumsum<tf.Tensor1D>(x);
  const before = (x: tf.Tensor) => tf.cumsum<tf.Tensor1D>(x, 0, true);
  /** The expert within whose part of a line each of `places` lies: as many as end at or before it. */
  const ownerOf = (places: tf.Tensor1D, ends: tf.Tensor1D) =>
    tf.sum<tf.Tensor1D>(tf.cast(tf.lessEqual(tf.expandDims(ends, 0), tf.expandDims(places, 1)), 'int32'), 1);
  const clamp = (expert: tf.Tensor1D) => tf.minimum<tf.Tensor1D>(expert, tf.scalar(numExperts - 1, 'int32'));
  const of = (x: tf.Tensor1D, experts: tf.Tensor1D) => tf.gather(x, experts);

  const blocks = tf.cast<tf.Tensor1D>(tf.ceil(tf.div(tf.cast(counts, 'float32'), size)), 'int32');
  const [firstBlock, firstRow] = [before(blocks), before(counts)];
  const block = range(numBlocks);
  const experts = clamp(ownerOf(block, sums(blocks)));
  const inBlock = tf.expandDims(range(size), 0);
  const local = tf.add(tf.expandDims(tf.mul(tf.sub(block, of(firstBlock, experts)), length), 1), inBlock); // (B, b)
  const isRow = tf.logicalAnd(
    tf.less(local, tf.expandDims(of(counts, experts), 1)),
    tf.greaterEqual(local, tf.zerosLike(local)),
  );
  const source = tf.where(isRow, tf.add(local, tf.expandDims(of(firstRow, experts), 1)), tf.zerosLike(local));
  const filled = tf.cast(tf.expandDims(isRow, 2), 'float32');

  const row = range(numRows);
  const owner = ownerOf(row, sums(counts));
  const ownExpert = clamp(owner);
  const place = tf.add(tf.mul(of(firstBlock, ownExpert), length), tf.sub(row, of(firstRow, ownExpert)));
  const isOwned = tf.less(owner, numExperts);
  const slot = tf.where(isOwned, place, tf.zerosLike(place)) as tf.Tensor1D;
  const owned = tf.cast(tf.expandDims(isOwned, 1), 'float32');
  return {
    rows: tf.mul<tf.Tensor3D>(tf.gather(rows, source as tf.Tensor2D), filled),
    experts,
    unpack: (result) => {
      const flat = tf.reshape(result, [numBlocks * size, result.shape[2]!]);
      return tf.mul<tf.Tensor2D>(tf.gather(flat, slot), owned);
    },
  };
}

/** The power of two at or below half of an even share, from 8 to 128. */
function blockSize(share: number): number {
  return Math.min(128, Math.max(8, 2 ** Math.floor(Math.log2(Math.max(1, share / 2)))));
}
