import * as tf from '@tensorflow/tfjs';

import type { TapeNode } from './tapePath.js';

/** Kernels of TF.js whose gradients ask what they have saved for its shape alone, which a freed tensor still has. */
const readsShapes: ReadonlySet<string> = new Set([
  tf.Add,
  tf.AddN,
  tf.Concat,
  tf.ExpandDims,
  tf.PadV2,
  tf.Reshape,
  tf.Slice,
  tf.Sub,
  tf.Sum,
]);

/** What a gradient of this operation needs the numbers of. */
export function savedNumbers({ kernelName, saved = [] }: TapeNode): tf.Tensor[] {
  return readsShapes.has(kernelName) ? [] : saved;
}

/** What the engine records for a gradient: operations, with no more saved than the gradient reads. */
export class Tape extends Array<TapeNode> {
  /** What comes of its methods is no tape. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  /** Tensors that are freed with the tape, and by no tidy before. */
  readonly held: tf.Tensor[] = [];

  override push(...nodes: TapeNode[]): number {
    if (!isOperation()) return this.length;
    for (const node of nodes) if (readsShapes.has(node.kernelName)) tf.dispose(node.saved ?? []);
    return super.push(...nodes);
  }
}

/** Whether what the engine records now is an operation, and not the handle of a tensor that one of them saves. */
export function isOperation(): boolean {
  return tf.engine().state.kernelDepth === 0;
}
