import type * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import {
  adamWByRatesKernel,
  adamWKernel,
  type AdamWAttributes,
  type AdamWByRatesAttributes,
} from '../../optim/adamW.js';
import { globalNormKernel } from '../../optim/globalNorm.js';
import { kernel } from '../kernel.js';
import type { ScmoeBackend } from '../ScmoeBackend.js';

/** p0, p1, ..., g0, ..., m0, ..., v0, ... and gradScale where there is one. */
type Inputs = Record<string, tf.TensorInfo>;
type Triple = [Float32Array[], Float32Array[], Float32Array[]];

/**
 * Where the new value of `x` goes. Nobody else holds the data of a parameter or moment between steps, as a rule: then
 * it is written over, which saves a quarter of the traffic. With a clone about, it goes to fresh memory.
 */
function renewed(backend: ScmoeBackend, x: tf.TensorInfo): tf.TensorInfo {
  // By rates that are others at each step.
  backend.refuseCapture('it updates a variable');
  if (backend.refCount(x.dataId) > 1) return backend.output(x.shape);
  backend.incRef(x.dataId);
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
}

export const optimizerKernels: tf.KernelConfig[] = [
  kernel<Inputs, AdamWAttributes>(adamWKernel, (backend, inputs, attributes) => {
    const count = attributes.keep.length;
    const all = (letter: string) => Array.from({ length: count }, (_, i) => inputs[`${letter}${i}`]!);
    const floats = (tensors: tf.TensorInfo[]) => tensors.map((x) => backend.floats(x));
    const old = [all('p'), all('m'), all('v')] as const;
    const [parameters, m, v] = old.map(floats) as [Float32Array[], Float32Array[], Float32Array[]];
    const gradients = floats(all('g'));
    const updated = old.map((tensors) => tensors.map((x) => renewed(backend, x)));
    const [newParameters, newM, newV] = updated.map(floats) as [Float32Array[], Float32Array[], Float32Array[]];
    const { keep, beta1, beta2, epsilon, stepSize, rootCorrection } = attributes;
    const gradScale = inputs['gradScale'] && backend.floats(inputs['gradScale']);
    loadAddon().adamW({
      count,
      parameters,
      gradients,
      m,
      v,
      newParameters,
      newM,
      newV,
      keep: Float32Array.from(keep),
      gradScale,
      beta1,
      beta2,
      epsilon,
      stepSize,
      rootCorrection,
    });
    return updated.flat();
  }),

  kernel<Inputs, AdamWByRatesAttributes>(adamWByRatesKernel, (backend, inputs, attributes) => {
    const { decays, weightDecay, beta1, beta2, epsilon } = attributes;
    const all = (letter: string) => decays.map((_, i) => inputs[`${letter}${i}`]!);
    const floats = (tensors: tf.TensorInfo[]) => tensors.map((x) => backend.floats(x));
    const [parameters, m, v] = (['p', 'm', 'v'] as const).map((letter) => floats(all(letter))) as Triple;
    const updated = ['p', 'm', 'v'].map((letter) => all(letter).map(({ shape }) => backend.output(shape)));
    const [newParameters, newM, newV] = updated.map(floats) as Triple;
    loadAddon().adamWByRates({
      ...{ count: decays.length, parameters, gradients: floats(all('g')), m, v, newParameters, newM, newV },
      ...{ decays, weightDecay, beta1, beta2, epsilon },
      gradScale: inputs['gradScale'] && backend.floats(inputs['gradScale']),
      rates: backend.floats(inputs['rates']!),
    });
    return updated.flat();
  }),

  kernel<Inputs, { count: number }>(globalNormKernel, (backend, inputs, { count }) => {
    const result = backend.output([]);
    const arrays = Array.from({ length: count }, (_, i) => backend.floats(inputs[`g${i}`]!));
    loadAddon().globalNorm({ count, arrays, result: backend.floats(result) });
    return result;
  }),
];
