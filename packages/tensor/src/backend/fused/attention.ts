import type * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { attentionGradKernel, attentionKernel, type AttentionAttributes } from '../../ops/attention.js';
import { kernel } from '../kernel.js';

type Shape = [dimensions: number[], causal: boolean, rope: string, theta: number, scale: number];

interface Native {
  attention: (
    ...args: [
      q: Float32Array,
      k: Float32Array,
      v: Float32Array,
      out: Float32Array,
      logsumexp: Float32Array,
      ...shape: Shape,
    ]
  ) => void;
  attentionGrad: (
    ...args: [
      dOut: Float32Array,
      q: Float32Array,
      k: Float32Array,
      v: Float32Array,
      out: Float32Array,
      logsumexp: Float32Array,
      dQ: Float32Array,
      dK: Float32Array,
      dV: Float32Array,
      ...shape: Shape,
    ]
  ) => void;
}

interface Inputs {
  q: tf.TensorInfo; // (B, S, H * D)
  k: tf.TensorInfo; // (B, Sk, Hkv * D)
  v: tf.TensorInfo; // (B, Sk, Hkv * D)
}

interface GradInputs extends Inputs {
  dOut: tf.TensorInfo; // (B, S, H * D)
  out: tf.TensorInfo; // (B, S, H * D)
  logsumexp: tf.TensorInfo; // (B, H, S)
}

function shapeOf({ q, k }: Inputs, attributes: AttentionAttributes): Shape {
  const [batch, queries, width] = q.shape as [number, number, number];
  const { numHeads, numKvHeads, causal, ropeStyle, ropeTheta, scale } = attributes;
  return [[batch, queries, k.shape[1]!, numHeads, numKvHeads, width / numHeads], causal, ropeStyle, ropeTheta, scale];
}

export const attentionKernels: tf.KernelConfig[] = [
  kernel<Inputs, AttentionAttributes>(attentionKernel, (backend, inputs, attributes) => {
    const [batch, queries] = inputs.q.shape as [number, number];
    const out = backend.output(inputs.q.shape);
    const logsumexp = backend.output([batch, attributes.numHeads, queries]);
    loadAddon<Native>().attention(
      backend.floats(inputs.q),
      backend.floats(inputs.k),
      backend.floats(inputs.v),
      backend.floats(out),
      backend.floats(logsumexp),
      ...shapeOf(inputs, attributes),
    );
    return [out, logsumexp];
  }),

  kernel<GradInputs, AttentionAttributes>(attentionGradKernel, (backend, inputs, attributes) => {
    const dQ = backend.output(inputs.q.shape);
    const dK = backend.output(inputs.k.shape);
    const dV = backend.output(inputs.v.shape);
    loadAddon<Native>().attentionGrad(
      backend.floats(inputs.dOut),
      backend.floats(inputs.q),
      backend.floats(inputs.k),
      backend.floats(inputs.v),
      backend.floats(inputs.out),
      backend.floats(inputs.logsumexp),
      backend.floats(dQ),
      backend.floats(dK),
      backend.floats(dV),
      ...shapeOf(inputs, attributes),
    );
    return [dQ, dK, dV];
  }),
];
