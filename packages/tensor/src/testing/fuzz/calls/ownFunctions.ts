import * as tf from '@tensorflow/tfjs';

import type { Attributes, Call, Operands } from '../Call.js';

type Tensors = Record<string, tf.Tensor>;
// Attributes are as odd as they come: the functions have to see to it.
type Op = (tensors: Tensors, attributes: never) => tf.Tensor | tf.Tensor[];

/** One of our functions: its results, and the gradient of the first one's sum in every float operand. */
export function differentiated(name: string, operands: Operands, attributes: Attributes, op: Op): Call {
  return {
    name,
    operands,
    attributes,
    isOurs: true,
    run: (tensors, given) => {
      const results = [op(tensors, given as never)].flat();
      const floats = Object.keys(tensors).filter((key) => tensors[key]!.dtype === 'float32');
      const loss = (...replaced: tf.Tensor[]) => {
        const [first] = [
          op({ ...tensors, ...Object.fromEntries(floats.map((key, i) => [key, replaced[i]!])) }, given as never),
        ].flat();
        return tf.sum(tf.mul(first!, 0.5));
      };
      if (results[0]!.dtype !== 'float32' || results[0]!.size === 0) return results;
      return [...results, ...tf.grads(loss)(floats.map((key) => tensors[key]!))];
    },
  };
}

/** One of our functions, whose results have no gradient. */
export function plain(name: string, operands: Operands, attributes: Attributes, op: Op): Call {
  return { name, operands, attributes, isOurs: true, run: (tensors, given) => op(tensors, given as never) };
}
