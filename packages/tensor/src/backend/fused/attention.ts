import type * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import {
  attentionBackwardKernel,
  attentionKernel,
  maskedAttentionKernel,
  type AttentionAttributes,
} from '../../ops/attention.js';
import { costlyKernel } from '../costlyKernel.js';
import { kernel } from '../kernel.js';
import type { ScmoeBackend } from '../ScmoeBackend.js';

interface Inputs {
  q: tf.TensorInfo; // (B, S, H * D)
  k: tf.TensorInfo; // (B, Sk, Hkv * D)
  v: tf.TensorInfo; // (B, Sk, Hkv * D)
  mask?: tf.TensorInfo; // (B, Sk) bool
}

interface BackwardInputs extends Inputs {
  dOut: tf.TensorInfo; // (B, S, H * D)
  out: tf.TensorInfo; // (B, S, H * D)
  logsumexp: tf.TensorInfo; // (B, H, S)
}

function common(backend: ScmoeBackend, { q, k, v, mask }: Inputs, attributes: AttentionAttributes) {
  const [batch, queries, width] = q.shape as [number, number, number];
  const { numHeads: heads, numKvHeads: kvHeads, causal, ropeStyle: rope, ropeTheta: theta, scale } = attributes;
  const shape = { batch, queries, keys: k.shape[1]!, heads, kvHeads, size: width / heads };
  const arrays = { q: backend.floats(q), k: backend.floats(k), v: backend.floats(v) };
  const masked = mask && { mask: backend.values(mask) as Uint8Array };
  return { ...shape, causal, rope, theta, scale, ...arrays, ...masked };
}

const forward = (name: string) =>
  costlyKernel<Inputs, AttentionAttributes>(name, (backend, inputs, attributes) => {
    const [batch, queries] = inputs.q.shape as [number, number];
    const out = backend.output(inputs.q.shape);
    const logsumexp = backend.output([batch, attributes.numHeads, queries]);
    loadAddon().attention({
      ...common(backend, inputs, attributes),
      out: backend.floats(out),
      logsumexp: backend.floats(logsumexp),
    });
    return [out, logsumexp];
  });

export const attentionKernels: tf.KernelConfig[] = [
  forward(attentionKernel),
  forward(maskedAttentionKernel),
  kernel<BackwardInputs, AttentionAttributes>(attentionBackwardKernel, (backend, inputs, attributes) => {
    const dQ = backend.output(inputs.q.shape);
    const dK = backend.output(inputs.k.shape);
    const dV = backend.output(inputs.v.shape);
    loadAddon().attentionBackward({
      ...common(backend, inputs, attributes),
      dOut: backend.floats(inputs.dOut),
      out: backend.floats(inputs.out),
      logsumexp: backend.floats(inputs.logsumexp),
      dQ: backend.floats(dQ),
      dK: backend.floats(dK),
      dV: backend.floats(dV),
    });
    return [dQ, dK, dV];
  }),
];
