import {
  attention,
  attentionComposed,
  layerNorm,
  layerNormComposed,
  linear,
  linearComposed,
  rmsNorm,
  rmsNormComposed,
  softmaxCrossEntropy,
  softmaxCrossEntropyComposed,
  swiglu,
  swigluComposed,
  useBackend,
} from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { alternate } from '../alternate.js';
import { median } from '../statistics.js';
import { table } from '../table.js';

interface Case {
  name: string;
  inputs: tf.Tensor[];
  fused: (...inputs: tf.Tensor[]) => tf.Tensor;
  composed: (...inputs: tf.Tensor[]) => tf.Tensor;
  /** Of the forward pass. */
  flops: number;
  /** Least traffic of the forward pass: inputs read once, output written once. */
  bytes: number;
}

const batch = 8;
const length = 256;
const tokens = batch * length;
const d = 256;
const hidden = 1024;
const vocabulary = 8192;

function cases(): Case[] {
  const x = tf.randomNormal([tokens, d]);
  const w = tf.randomNormal([d, hidden], 0, 0.02);
  const up = tf.randomNormal([d, hidden], 0, 0.02);
  const down = tf.randomNormal([hidden, d], 0, 0.02);
  const bias = tf.zeros([hidden]);
  const scale = tf.ones([d]);
  const shift = tf.zeros([d]);
  const sequence = () => tf.randomNormal([batch, length, d]);
  const logits = tf.randomNormal([tokens, vocabulary]);
  const targets = tf.randomUniformInt([tokens], 0, vocabulary - 1);
  const heads = { numHeads: 8, numKvHeads: 8, causal: true };
  const decided = { ...heads, ropeStyle: 'none', ropeTheta: 10000, scale: 1 / Math.sqrt(d / 8) } as const;
  const float = 4;
  return [
    {
      name: 'linear + gelu',
      inputs: [x, w, bias],
      fused: (a, b, c) => linear(a!, b!, c, { activation: 'gelu' }),
      composed: (a, b, c) => linearComposed(a!, b!, c, { activation: 'gelu' }),
      flops: 2 * tokens * d * hidden,
      bytes: float * (tokens * d + d * hidden + tokens * hidden),
    },
    {
      name: 'layerNorm',
      inputs: [x, scale, shift],
      fused: (a, b, c) => layerNorm(a!, b!, c!),
      composed: (a, b, c) => layerNormComposed(a!, b!, c!),
      flops: 8 * tokens * d,
      bytes: float * 2 * tokens * d,
    },
    {
      name: 'rmsNorm',
      inputs: [x, scale],
      fused: (a, b) => rmsNorm(a!, b!),
      composed: (a, b) => rmsNormComposed(a!, b!),
      flops: 5 * tokens * d,
      bytes: float * 2 * tokens * d,
    },
    {
      name: 'attention, causal',
      inputs: [sequence(), sequence(), sequence()],
      fused: (q, k, v) => attention(q!, k!, v!, heads),
      composed: (q, k, v) => attentionComposed(q!, k!, v!, decided),
      flops: 2 * batch * length * length * d,
      bytes: float * 4 * tokens * d,
    },
    {
      name: 'swiglu',
      inputs: [x, w, up, down],
      fused: (a, b, c, e) => swiglu(a!, b!, c!, e!),
      composed: (a, b, c, e) => swigluComposed(a!, b!, c!, e!),
      flops: 6 * tokens * d * hidden,
      bytes: float * (2 * tokens * d + 3 * d * hidden),
    },
    {
      name: 'softmax cross-entropy',
      inputs: [logits],
      fused: (a) => softmaxCrossEntropy(a as tf.Tensor2D, targets as tf.Tensor1D),
      composed: (a) => softmaxCrossEntropyComposed(a as tf.Tensor2D, targets as tf.Tensor1D),
      flops: 4 * tokens * vocabulary,
      bytes: float * tokens * vocabulary,
    },
  ];
}

/** Streaming read + write bandwidth of the backend, bytes/s: the memory side of the physical limit. */
function bandwidth(): number {
  const x = tf.zeros([1 << 23]);
  const times: number[] = [];
  for (let i = 0; i < 9; i++) {
    const begin = performance.now();
    tf.neg(x).dispose();
    times.push((performance.now() - begin) / 1000);
  }
  x.dispose();
  return (2 * 4 * (1 << 23)) / median(times);
}

/** The rate of a large product, FLOP/s: the arithmetic side. */
function peak(): number {
  const x = tf.fill([1024, 1024], 0.5);
  const times: number[] = [];
  for (let i = 0; i < 9; i++) {
    const begin = performance.now();
    tf.matMul(x, x).dispose();
    times.push((performance.now() - begin) / 1000);
  }
  x.dispose();
  return (2 * 1024 ** 3) / median(times);
}

/** Every fused kernel, forward and forward + backward: against its composed twin on the same backend, and the limit. */
export async function kernelsSuite({ rounds = 9, threads = 1 } = {}): Promise<string> {
  const rows: string[][] = [];
  for (const precision of ['float32', 'bf16'] as const) {
    await useBackend('scmoe', { threads, precision });
    const limit = { flops: peak(), bytes: bandwidth() };
    for (const { name, inputs, fused, composed, flops, bytes } of cases()) {
      for (const backward of [false, true]) {
        const timed = (f: Case['fused']) => () => {
          const begin = performance.now();
          tf.tidy(() => {
            if (backward) tf.grads((...xs: tf.Tensor[]) => tf.sum(f(...xs)))(inputs);
            else f(...inputs);
          });
          return (performance.now() - begin) / 1000;
        };
        timed(fused)();
        timed(composed)();
        const seconds = await alternate(
          [
            { name: 'fused', run: timed(fused) },
            { name: 'composed', run: timed(composed) },
          ],
          rounds,
        );
        const ours = median(seconds.get('fused')!);
        const times = backward ? 3 : 1;
        const bound = times * Math.max(flops / limit.flops, bytes / limit.bytes);
        rows.push([
          precision,
          name,
          backward ? 'forward + backward' : 'forward',
          `${(ours * 1000).toFixed(2)} ms`,
          `${(median(seconds.get('composed')!) / ours).toFixed(1)}x`,
          `${((100 * bound) / ours).toFixed(0)} %`,
        ]);
      }
      tf.dispose(inputs);
    }
  }
  return table(['precision', 'kernel', 'pass', 'time', 'composed / fused', 'share of the limit'], rows);
}
