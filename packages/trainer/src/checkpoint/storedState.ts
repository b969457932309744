import type { DeferredTensor } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { CheckpointContent } from './CheckpointContent.js';

/** The state of an optimizer as its file holds it: what is made of numbers of bfloat16 in two bytes a number. */
export function storedState({
  state,
  bfloat16Slots = [],
}: CheckpointContent['optimizer']): Record<string, tf.Tensor | DeferredTensor> {
  const isRounded = (name: string) => bfloat16Slots.includes(name.slice(0, name.indexOf('.')));
  return Object.fromEntries(
    Object.entries(state).map(([name, tensor]) => [name, isRounded(name) ? inBf16(tensor) : tensor]),
  );
}

function inBf16(tensor: tf.Tensor): DeferredTensor {
  return { dtype: 'BF16', shape: tensor.shape, data: async () => await tensor.data() };
}
