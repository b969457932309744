import type * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { float32ToBf16 } from '../../io/halfPrecision.js';
import { adamWRoundedKernel, type AdamWRoundedAttributes } from '../../optim/adamWUpdate.js';
import { kernel } from '../kernel.js';
import { noteSquares } from '../sumsOfSquares.js';
import type { ScmoeBackend } from '../ScmoeBackend.js';

type Inputs = Record<string, tf.TensorInfo>;

/** The kernel of moments in bfloat16. New values are written over the old ones where nobody else holds those, as AdamW's own does. */
export const roundedOptimizerKernels: tf.KernelConfig[] = [
  kernel<Inputs, AdamWRoundedAttributes>(adamWRoundedKernel, (backend, inputs, attributes) => {
    backend.refuseCapture('it updates a variable');
    const { keep, keys, firsts, beta1, beta2, epsilon, stepSize, rootCorrection } = attributes;
    const count = keep.length;
    const all = (letter: string) => Array.from({ length: count }, (_, i) => inputs[`${letter}${i}`]!);
    const isOwn = ({ dataId }: tf.TensorInfo) => backend.refCount(dataId) === 1;
    // Numbers that have come from another backend are float32.
    const isOwnRounded = (x: tf.TensorInfo) => isOwn(x) && backend.bits(x) !== undefined;
    const [p, m, v] = [all('p'), all('m'), all('v')];
    const isInPlace = p.every(isOwn) && m.every(isOwnRounded) && v.every(isOwnRounded);
    const renewedP = (x: tf.TensorInfo) => (isOwn(x) ? backend.alias(x) : backend.output(x.shape));
    const renewed = (x: tf.TensorInfo) => (isOwnRounded(x) ? backend.alias(x) : backend.roundedOutput(x.shape));
    const [newP, newM, newV] = isInPlace ? [p, m, v] : [p.map(renewedP), m.map(renewed), v.map(renewed)];
    for (const { dataId } of p) noteSquares(dataId, undefined);
    const floats = (tensors: tf.TensorInfo[]) => tensors.map((x) => backend.floats(x));
    const bits = (tensors: tf.TensorInfo[]) => tensors.map((x) => bitsOf(backend, x));
    loadAddon().adamWRounded({
      ...{ count, parameters: floats(p), gradients: floats(all('g')), m: bits(m), v: bits(v) },
      ...{ newParameters: floats(newP), newM: bits(newM), newV: bits(newV) },
      keep: Float32Array.from(keep),
      gradScale: inputs['gradScale'] && backend.floats(inputs['gradScale']),
      ...{ beta1, beta2, epsilon, stepSize, rootCorrection },
      ...{ keys: Int32Array.from(keys.flat()), firsts },
    });
    return isInPlace ? [] : [...newP, ...newM, ...newV];
  }),
];

function bitsOf(backend: ScmoeBackend, x: tf.TensorInfo): Uint16Array {
  return backend.bits(x) ?? float32ToBf16(backend.floats(x));
}
