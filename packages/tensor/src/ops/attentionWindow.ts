import * as tf from '@tensorflow/tfjs';

/** Least number of queries of a block: a product of fewer rows is not worth its call. */
const leastBlock = 64;

/**
 * Causal attention in a window, block by block of queries: each block sees the keys from the first one that its first
 * query sees to its own last, so that the matrices of all blocks together have S (2 window) elements at most and not S Sk.
 *
 * @param window keys that a query sees, its own included
 * @param attend attention of a block, whose last query is aligned to its last key; `isWhole` says that its window has no
 *   effect there
 */
export function inWindows(
  { q, k, v, mask }: { q: tf.Tensor; k: tf.Tensor; v: tf.Tensor; mask?: tf.Tensor },
  window: number,
  attend: (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, options: { mask?: tf.Tensor; isWhole: boolean }) => tf.Tensor3D,
): tf.Tensor3D {
  const [queries, keys] = [q.shape[1]!, k.shape[1]!];
  const before = keys - queries;
  const block = Math.max(window, leastBlock);
  const outputs: tf.Tensor3D[] = [];
  for (let start = 0; start < queries; start += block) {
    const end = Math.min(start + block, queries);
    const first = Math.max(0, before + start - window + 1);
    const rows = (x: tf.Tensor, from: number, to: number) =>
      from === 0 && to === x.shape[1] ? x : tf.slice(x, [0, from], [-1, to - from]);
    const cut = (x: tf.Tensor) => rows(x, first, before + end);
    outputs.push(
      attend(rows(q, start, end), cut(k), cut(v), {
        mask: mask && cut(mask),
        isWhole: before + end - first <= window,
      }),
    );
  }
  return outputs.length === 1 ? outputs[0]! : tf.concat(outputs, 1);
}
