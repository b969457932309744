import { useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { alternate } from '../alternate.js';
import { median } from '../statistics.js';
import { table } from '../table.js';
import { kernelCases, type KernelCase } from './kernelCases.js';

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
    for (const makeCase of kernelCases) {
      const { name, inputs, fused, composed, flops, bytes } = makeCase();
      for (const backward of [false, true]) {
        const timed = (f: KernelCase['fused']) => () => {
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
