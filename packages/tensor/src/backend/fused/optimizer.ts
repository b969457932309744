import type * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import {
  adamWByRatesKernel,
  adamWKernel,
  type AdamWAttributes,
  type AdamWByRatesAttributes,
} from '../../optim/adamWUpdate.js';
import { globalNormKernel } from '../../optim/globalNorm.js';
import { kernel } from '../kernel.js';
import { noteSquares, squaresOf } from '../sumsOfSquares.js';

/** p0, p1, ..., g0, ..., m0, ..., v0, ... and gradScale where there is one. */
type Inputs = Record<string, tf.TensorInfo>;
type Triple = [Float32Array[], Float32Array[], Float32Array[]];

/**
 * Where new values of parameters and moments go. Nobody else holds their data between steps, as a rule: then they are
 * written over, which saves a quarter of the traffic and three tensors for each parameter. What has a clone about goes to fresh memory.
 */
export const optimizerKernels: tf.KernelConfig[] = [
  kernel<Inputs, AdamWAttributes>(adamWKernel, (backend, inputs, attributes) => {
    // By rates that are others at each step.
    backend.refuseCapture('it updates a variable');
    const count = attributes.keep.length;
    const all = (letter: string) => Array.from({ length: count }, (_, i) => inputs[`${letter}${i}`]!);
    const floats = (tensors: tf.TensorInfo[]) => tensors.map((x) => backend.floats(x));
    const old = [all('p'), all('m'), all('v')] as const;
    const isShared = old.map((tensors) => tensors.map(({ dataId }) => backend.refCount(dataId) > 1));
    const renewed = isShared.flat().includes(true)
      ? old.map((tensors, kind) =>
          tensors.map((x, i) => (isShared[kind]![i] ? backend.output(x.shape) : backend.alias(x))),
        )
      : [];
    const [parameters, m, v] = old.map(floats) as [Float32Array[], Float32Array[], Float32Array[]];
    const [newParameters, newM, newV] = renewed.length === 0 ? [parameters, m, v] : renewed.map(floats);
    for (const { dataId } of old.flat()) noteSquares(dataId, undefined);
    const { keep, beta1, beta2, epsilon, stepSize, rootCorrection } = attributes;
    const gradScale = inputs['gradScale'] && backend.floats(inputs['gradScale']);
    loadAddon().adamW({
      count,
      parameters,
      gradients: floats(all('g')),
      m,
      v,
      newParameters: newParameters!,
      newM: newM!,
      newV: newV!,
      keep: Float32Array.from(keep),
      gradScale,
      beta1,
      beta2,
      epsilon,
      stepSize,
      rootCorrection,
    });
    return renewed.flat();
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
    const arrays: Float32Array[] = [];
    const known: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      const gradient = inputs[`g${i}`]!;
      const values = backend.floats(gradient); // also where they are not read: a capture has to know of them
      // What is known of data from before a captured step is of the moment.
      const squares = backend.isFromBefore(gradient) ? undefined : squaresOf(gradient.dataId);
      if (squares) known.push(squares);
      else arrays.push(values);
    }
    const numKnown = known.length;
    loadAddon().globalNorm({ count: arrays.length, arrays, numKnown, known, result: backend.floats(result) });
    return result;
  }),
];
