import type * as tf from '@tensorflow/tfjs';

import type { ScmoeBackend } from '../ScmoeBackend.js';
import { binaryFunction, type BinaryName } from './binary.js';
import { isFloat, sameShape } from './dtypes.js';
import { unaryFunction, type UnaryName } from './unary.js';
import { broadcastWalk } from './walk.js';

/** What TF.js's fused products and convolutions take besides. */
export interface FusedInputs {
  bias?: tf.TensorInfo;
  preluActivationWeights?: tf.TensorInfo;
}

export interface FusedAttributes {
  activation?: string | null;
  leakyreluAlpha?: number;
}

/** Kernels of the activations; prelu has an operand of its own. */
const activations: Record<string, UnaryName | undefined> = {
  linear: undefined,
  relu: 'Relu',
  relu6: 'Relu6',
  elu: 'Elu',
  sigmoid: 'Sigmoid',
  leakyrelu: 'LeakyRelu',
  prelu: undefined,
};

/** The end of a fused kernel: in place, since the product is ours alone. */
export interface FusedEnd {
  activation: string;
  /** Whether bias and slopes are repeated to the shape of the product, and not it to theirs. */
  fits: (shape: readonly number[]) => boolean;
  addBias: (backend: ScmoeBackend, out: tf.TensorInfo) => void;
  activate: (backend: ScmoeBackend, out: tf.TensorInfo) => void;
}

/** The end that inputs and attributes ask for; undefined for what is left to the JavaScript kernel. */
export function fusedEnd(inputs: FusedInputs, attributes: FusedAttributes): FusedEnd | undefined {
  const { bias, preluActivationWeights: slopes } = inputs;
  const activation = attributes.activation ?? 'linear';
  const alpha = activation === 'leakyrelu' ? attributes.leakyreluAlpha : 0;
  if (!(activation in activations) || (bias && !isFloat(bias)) || (slopes && !isFloat(slopes))) return undefined;
  if (typeof alpha !== 'number') return undefined;
  return {
    activation,
    fits: (shape) =>
      [bias, slopes].every((operand) => {
        const joint = operand && broadcastWalk(shape, operand.shape)?.shape;
        return operand === undefined || (joint !== undefined && sameShape(joint, shape));
      }),
    addBias: (backend, out) => {
      if (bias) combine(backend, 'Add', out, bias);
    },
    activate: (backend, out) => {
      if (activation === 'prelu') combine(backend, 'Prelu', out, slopes!);
      const unary = activations[activation];
      const values = backend.floats(out);
      if (unary) unaryFunction(unary)({ count: values.length, x: values, out: values, alpha });
    },
  };
}

function combine(backend: ScmoeBackend, kernelName: BinaryName, out: tf.TensorInfo, operand: tf.TensorInfo): void {
  const values = backend.floats(out);
  const { walk } = broadcastWalk(out.shape, operand.shape)!;
  binaryFunction(kernelName)({ a: values, b: backend.floats(operand), out: values, walk });
}
