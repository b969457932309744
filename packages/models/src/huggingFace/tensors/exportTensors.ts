import type { DeferredTensor } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { joinColumns } from './columns.js';
import type { TensorLink } from './linkTensors.js';

/**
 * A model's tensors (or anything of the same names and shapes, such as their gradients) under the names and in the layout
 * of a checkpoint. Each is made when its turn comes.
 *
 * @param dtype F32 keeps every bit, BF16 rounds to the nearest.
 */
export function exportTensors(
  links: readonly TensorLink[],
  tensors: Readonly<Record<string, tf.Tensor>>,
  { dtype = 'F32' }: { dtype?: 'F32' | 'BF16' } = {},
): Record<string, DeferredTensor> {
  return Object.fromEntries(
    links.flatMap((link) =>
      link.theirs.map(({ name, shape }, index) => {
        const data = async () => {
          const theirs = toTheirs(link, tensors, index);
          try {
            return (await theirs.data()) as Float32Array;
          } finally {
            theirs.dispose();
          }
        };
        return [name, { dtype, shape: [...shape], data }];
      }),
    ),
  );
}

/** Entry `index` of ours, where they are stacked, in their layout: the same elements in the same order. */
function toTheirs(
  { ours, stacked, transposed, groups }: TensorLink,
  tensors: Readonly<Record<string, tf.Tensor>>,
  index: number,
): tf.Tensor {
  return tf.tidy(() => {
    const parts = ours.map(({ name, shape }) => {
      const tensor = tensors[name]!;
      if (!stacked) return tensor;
      const entry = tf.slice(tensor, [index], [1]);
      return tf.reshape(entry, shape.slice(1));
    });
    const whole = parts.length > 1 ? joinColumns(parts, groups) : tf.clone(parts[0]!);
    if (!transposed) return whole;
    const axes = whole.shape.map((_, axis) => axis);
    return tf.transpose(whole, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
  });
}
