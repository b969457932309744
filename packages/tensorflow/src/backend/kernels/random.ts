import {
  randomNormalKernel,
  randomUniformKernel,
  type RandomNormalAttributes,
  type RandomUniformAttributes,
} from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { attribute } from '../../binding/Attribute.js';
import type { DataType } from '../../binding/dataTypes.js';
import { kernel } from '../kernel.js';
import type { TensorFlowBackend } from '../TensorFlowBackend.js';

const { type } = attribute;

/** TensorFlow's number for Philox (rng_alg.h): Philox4x32-10 with the key and counter of its inputs, word after word. */
const philox = 1;

/**
 * The random numbers of @scmoe/tensor, made where their tensor lies: TensorFlow's stateless generator gives the same words of the
 * same Philox sequence, run at once or compiled.
 */
export const randomKernels: tf.KernelConfig[] = [
  kernel<{ seed: tf.TensorInfo }, RandomUniformAttributes>(randomUniformKernel, (backend, { seed }, attributes) => {
    const { shape } = attributes;
    const { words, skipped } = wordsOf(backend, seed, attributes, 1);
    const upper = backend.run('RightShift', [words, backend.constant('uint32', [], [8])]);
    const scaled = backend.run('Mul', [cast(backend, upper, 'float32'), backend.constant('float32', [], [2 ** -24])]);
    return part(backend, scaled, skipped, shape);
  }),

  kernel<{ seed: tf.TensorInfo }, RandomNormalAttributes>(randomNormalKernel, (backend, { seed }, attributes) => {
    const { shape, mean, standardDeviation } = attributes;
    const { words, skipped } = wordsOf(backend, seed, attributes, 2);
    // The pairs of Box and Muller, in float64 as on the host.
    const pairs = backend.run('Reshape', [cast(backend, words, 'float64'), backend.ints([-1, 2])]);
    const [first, second] = backend.runAll('Unpack', [pairs], { num: attribute.int(2), axis: attribute.int(1) });
    const double = (value: number) => backend.constant('float64', [], [value]);
    const mul = (x: tf.TensorInfo, y: tf.TensorInfo | number) => backend.run('Mul', [x, y]);
    const uniform = mul(backend.run('AddV2', [first!, double(1)]), double(2 ** -32));
    const radius = mul(
      backend.run('Sqrt', [mul(backend.run('Log', [uniform]), double(-2))]),
      double(standardDeviation),
    );
    const angle = mul(second!, double(2 * Math.PI * 2 ** -32));
    const [x, y] = ['Cos', 'Sin'].map((wave) =>
      backend.run('AddV2', [mul(radius, backend.run(wave, [angle])), double(mean)]),
    );
    const both = backend.run('Reshape', [
      backend.run('Pack', [[x!, y!]], { axis: attribute.int(1) }),
      backend.ints([-1]),
    ]);
    return part(backend, cast(backend, both, 'float32'), skipped, shape);
  }),
];

/** The words of a sequence for a tensor, from the block of the first on; their number is a multiple of `multiple`. */
function wordsOf(
  backend: TensorFlowBackend,
  seed: tf.TensorInfo,
  { shape, stream, offset }: RandomUniformAttributes,
  multiple: number,
): { words: tf.TensorInfo; skipped: number } {
  const skipped = offset % 4;
  const count = Math.ceil((skipped + tf.util.sizeFromShape(shape as number[])) / multiple) * multiple;
  const uint64 = { T: type('int32'), type: type('uint64') };
  const key = backend.run('Reshape', [backend.run('Bitcast', [seed], uint64), backend.ints([1])]);
  const halves = [(offset - skipped) / 4, stream].flatMap((value) => [value | 0, Math.floor(value / 2 ** 32) | 0]);
  const counter = backend.run('Bitcast', [backend.constant('int32', [2, 2], halves)], uint64);
  const inputs = [backend.ints([count]), key, counter, backend.int(philox)];
  return {
    words: backend.run('StatelessRandomUniformFullIntV2', inputs, { dtype: type('uint32'), Tshape: type('int32') }),
    skipped,
  };
}

function cast(backend: TensorFlowBackend, x: tf.TensorInfo, dtype: DataType): tf.TensorInfo {
  return backend.run('Cast', [x], { DstT: type(dtype) });
}

/** The elements of a vector from `first` on, in a shape. */
function part(backend: TensorFlowBackend, x: tf.TensorInfo, first: number, shape: readonly number[]): tf.TensorInfo {
  const size = tf.util.sizeFromShape(shape as number[]);
  const own = x.shape[0] === size ? x : backend.run('Slice', [x, backend.ints([first]), backend.ints([size])]);
  return backend.run('Reshape', [own, backend.ints(shape)]);
}
