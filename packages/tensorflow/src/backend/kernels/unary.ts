import type * as tf from '@tensorflow/tfjs';

import { attribute } from '../../binding/Attribute.js';
import { kernel, type Inputs } from '../kernel.js';
import type { TensorFlowBackend } from '../TensorFlowBackend.js';
import { castTo } from './castTo.js';

/** Kernels that are an operation of the same name on numbers of any type. */
const anyType = ['Abs', 'Neg', 'Square', 'Relu', 'Relu6', 'ZerosLike', 'OnesLike'];

/** Kernels that are an operation of floating-point numbers. Whole numbers become such before, as in TF.js. */
const floating = [
  ...['Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'Cos', 'Cosh', 'Sin', 'Sinh', 'Tanh'],
  ...['Elu', 'Erf', 'Exp', 'Expm1', 'Log', 'Log1p', 'Reciprocal', 'Rsqrt', 'Selu', 'Sigmoid', 'Softplus', 'Sqrt'],
  ...['IsFinite', 'IsInf', 'IsNan'],
];

/** Kernels that leave whole numbers as they are. TensorFlow's Round of int32 gives zeros. */
const rounding = ['Ceil', 'Floor', 'Round'];

/** Whole numbers are float32 for an operation that has no other kernel; complex ones stay. */
export function asFloat(backend: TensorFlowBackend, x: tf.TensorInfo): tf.TensorInfo {
  return x.dtype === 'int32' || x.dtype === 'bool' ? castTo(backend, x, 'float32') : x;
}

/** Operations on each element. */
export const unaryKernels: tf.KernelConfig[] = [
  ...anyType.map((name) => kernel(name, (backend, { x }) => backend.run(name, [x]))),
  ...floating.map((name) => kernel(name, (backend, { x }) => backend.run(name, [asFloat(backend, x)]))),
  ...rounding.map((name) =>
    kernel(name, (backend, { x }) => (x.dtype === 'float32' ? backend.run(name, [x]) : backend.alias(x))),
  ),
  // TensorFlow's tangent of float32 has no correct digit left at 10^14.
  kernel('Tan', (backend, { x }) =>
    castTo(backend, backend.run('Tan', [castTo(backend, asFloat(backend, x), 'float64')]), 'float32'),
  ),
  kernel('Sign', (backend, { x }) => {
    const sign = backend.run('Sign', [x]);
    if (x.dtype !== 'float32') return sign;
    // NaN has none.
    return backend.run('SelectV2', [backend.run('IsNan', [x]), backend.constant('float32', [], [0]), sign]);
  }),
  kernel('LogicalNot', (backend, { x }) => backend.run('LogicalNot', [castTo(backend, x, 'bool')])),
  kernel<{ x: tf.TensorInfo }, tf.LeakyReluAttrs>('LeakyRelu', (backend, { x }, { alpha }) =>
    backend.run('LeakyRelu', [asFloat(backend, x)], { alpha: attribute.float(alpha) }),
  ),
  kernel<Inputs<'x' | 'alpha'>>('Prelu', (backend, inputs) => {
    const [x, alpha] = [asFloat(backend, inputs.x), asFloat(backend, inputs.alpha)];
    const zero = backend.constant('float32', [], [0]);
    const negative = backend.run('Mul', [alpha, x]);
    return backend.run('SelectV2', [backend.run('Less', [x, zero]), negative, x]);
  }),
  kernel<{ x: tf.TensorInfo }, tf.StepAttrs>('Step', (backend, { x }, { alpha = 0 }) => {
    const given = asFloat(backend, x);
    const constant = (value: number) => backend.constant('float32', [], [value]);
    const isPositive = backend.run('Greater', [given, constant(0)]);
    const steps = backend.run('SelectV2', [isPositive, constant(1), constant(alpha)]);
    // NaN stays NaN.
    const result = backend.run('SelectV2', [backend.run('IsNan', [given]), given, steps]);
    return x.dtype === 'float32' ? result : castTo(backend, result, x.dtype);
  }),
  kernel<{ x: tf.TensorInfo }, tf.ClipByValueAttrs>('ClipByValue', (backend, { x }, { clipValueMin, clipValueMax }) => {
    const bound = (value: number) => backend.constant(x.dtype === 'int32' ? 'int32' : 'float32', [], [value]);
    return backend.run('ClipByValue', [x, bound(clipValueMin), bound(clipValueMax)]);
  }),
  kernel<Inputs<'dy' | 'y'>>('EluGrad', (backend, { dy, y }) => backend.run('EluGrad', [dy, y])),
];
