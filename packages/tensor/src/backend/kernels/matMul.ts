import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import type { ScmoeBackend } from '../ScmoeBackend.js';
import { binaryFunction, type BinaryName } from './binary.js';
import { isFloat } from './dtypes.js';
import { standardKernel } from './standardKernel.js';
import { unaryFunction, type UnaryName } from './unary.js';
import { broadcastWalk } from './walk.js';

interface Operands {
  a: tf.TensorInfo;
  b: tf.TensorInfo;
}

interface Attributes {
  transposeA?: boolean;
  transposeB?: boolean;
}

/** (..., m, k) x (..., k, n) -> (..., m, n), batch dimensions broadcast. Undefined where the operands don't fit. */
function matMul(
  backend: ScmoeBackend,
  { a, b }: Operands,
  { transposeA = false, transposeB = false }: Attributes,
): tf.TensorInfo | undefined {
  if (!isFloat(a) || !isFloat(b)) return undefined;
  const [rowsA, columnsA] = a.shape.slice(-2) as [number, number];
  const [rowsB, columnsB] = b.shape.slice(-2) as [number, number];
  const m = transposeA ? columnsA : rowsA;
  const k = transposeA ? rowsA : columnsA;
  const n = transposeB ? rowsB : columnsB;
  const batches = broadcastWalk(a.shape.slice(0, -2), b.shape.slice(0, -2));
  if (k !== (transposeB ? columnsB : rowsB) || !batches) return undefined;
  const out = backend.output([...batches.shape, m, n]);
  loadAddon().batchMatMul({
    batches: batches.walk,
    transposeA,
    transposeB,
    m,
    n,
    k,
    a: backend.floats(a),
    b: backend.floats(b),
    out: backend.floats(out),
  });
  return out;
}

const batchMatMul = standardKernel<Operands, Attributes>('BatchMatMul', matMul);

interface FusedInputs extends Operands {
  bias?: tf.TensorInfo;
  preluActivationWeights?: tf.TensorInfo;
}

interface FusedAttributes extends Attributes {
  activation?: string | null;
  leakyreluAlpha?: number;
}

/** Kernels of the activations that _FusedMatMul takes; prelu has an operand of its own. */
const activations: Record<string, UnaryName | undefined> = {
  linear: undefined,
  relu: 'Relu',
  relu6: 'Relu6',
  elu: 'Elu',
  sigmoid: 'Sigmoid',
  leakyrelu: 'LeakyRelu',
  prelu: undefined,
};

const fusedMatMul = standardKernel<FusedInputs, FusedAttributes>('_FusedMatMul', (backend, inputs, attributes) => {
  const { bias, preluActivationWeights: slopes } = inputs;
  const activation = attributes.activation ?? 'linear';
  const alpha = activation === 'leakyrelu' ? attributes.leakyreluAlpha : 0;
  if (!(activation in activations) || (bias && !isFloat(bias)) || (slopes && !isFloat(slopes))) return undefined;
  if (typeof alpha !== 'number') return undefined;
  const out = matMul(backend, inputs, attributes);
  if (!out) return undefined;
  // In place: the product is ours alone.
  const values = backend.floats(out);
  const apply = (kernelName: BinaryName, operand: tf.TensorInfo) => {
    const { walk } = broadcastWalk(out.shape, operand.shape)!;
    binaryFunction(kernelName)({ a: values, b: backend.floats(operand), out: values, walk });
  };
  if (bias) apply('Add', bias);
  if (activation === 'prelu') apply('Prelu', slopes!);
  const unary = activations[activation];
  if (unary) unaryFunction(unary)({ count: values.length, x: values, out: values, alpha });
  return out;
});

export const matMulKernels: tf.KernelConfig[] = [batchMatMul, fusedMatMul];
