import * as tf from '@tensorflow/tfjs';

import type { TensorFlowBackend } from './TensorFlowBackend.js';

/** Name under which TF.js knows the backend: that of tfjs-node, whose place it takes. */
export const backendName = 'tensorflow';

export type KernelResult = tf.TensorInfo | tf.TensorInfo[];

/** What a kernel is given, by the names of TF.js. */
export type Inputs<Names extends string> = Record<Names, tf.TensorInfo>;

/** What a kernel does with what the operation passes to it. */
export type Run<Given, Attributes> = (
  backend: TensorFlowBackend,
  inputs: Given,
  attributes: Attributes,
) => KernelResult;

/** A TF.js kernel of this backend; what it makes on the way is freed. */
export function kernel<Given = Inputs<'x'>, Attributes = object>(
  kernelName: string,
  run: Run<Given, Attributes>,
): tf.KernelConfig {
  return {
    kernelName,
    backendName,
    kernelFunc: ({ inputs, backend, attrs }) => {
      const ours = backend as TensorFlowBackend;
      return ours.scope(() => run(ours, inputs as unknown as Given, (attrs ?? {}) as unknown as Attributes));
    },
  };
}
