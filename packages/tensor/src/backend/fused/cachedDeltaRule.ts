import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { cachedDeltaRuleKernel, type CachedDeltaRuleAttributes } from '../../ops/cachedDeltaRule.js';
import { kernel } from '../kernel.js';

interface Inputs {
  mixed: tf.TensorInfo; // (1, T, channels)
  beta: tf.TensorInfo; // (1, T, Hv)
  logDecay: tf.TensorInfo;
  convolution: tf.TensorInfo; // (taps, channels)
}

export const cachedDeltaRuleKernels: tf.KernelConfig[] = [
  kernel<Inputs, CachedDeltaRuleAttributes>(cachedDeltaRuleKernel, (backend, inputs, { parts, sizes }) => {
    const { numKeyHeads: keyHeads, numValueHeads: valueHeads, keyHeadDim: keySize, valueHeadDim: valueSize } = sizes;
    const [, tokens, perToken] = inputs.mixed.shape as [number, number, number];
    const before = inputs.convolution.shape[0]! - 1;
    const out = backend.output([1, tokens, valueHeads, valueSize]);
    const [mixed, beta, logDecay] = [inputs.mixed, inputs.beta, inputs.logDecay].map((x) => backend.floats(x));
    const [convolution, results] = [backend.floats(inputs.convolution), backend.floats(out)];
    const made = (shape: number[]) => tf.engine().makeTensorFromTensorInfo(backend.output(shape));
    const { deltaRule } = loadAddon();
    // The caches and what is in them are others for each token.
    backend.live(() => {
      let first = 0;
      for (const { cache, count } of parts) {
        const of = (all: Float32Array, width: number) => all.subarray(first * width, (first + count) * width);
        const [pastTaps, pastState] = [cache.get('taps'), cache.get('state')];
        // Beside the old ones, which may be marked.
        const taps = made([1, before, perToken]);
        const state = made([1, valueHeads, keySize, valueSize]);
        deltaRule({
          ...{ tokens: count, keyHeads, valueHeads, keySize, valueSize, before, perToken, convolution },
          mixed: of(mixed!, perToken),
          beta: of(beta!, valueHeads),
          logDecay: of(logDecay!, valueHeads),
          pastTaps: pastTaps && backend.floats(pastTaps),
          pastState: pastState && backend.floats(pastState),
          out: of(results, valueHeads * valueSize),
          taps: backend.floats(taps),
          state: backend.floats(state),
        });
        cache.advance(count, { taps, state });
        first += count;
      }
    });
    return out;
  }),
];
