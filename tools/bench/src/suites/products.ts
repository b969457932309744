import { findAddon, useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { alternate } from '../alternate.js';
import { median } from '../statistics.js';
import { table } from '../table.js';

/** (m, n, k) of products as they come in a transformer. */
export const productShapes: [number, number, number][] = [
  [512, 512, 512],
  [2048, 256, 256],
  [2048, 1024, 256],
  [2048, 256, 1024],
  [256, 1024, 256],
  [1024, 1024, 1024],
];

/** Products through the TF.js API (tf.matMul on the scmoe backend) against the same product called from C++. */
export async function productsSuite({ rounds = 9, calls = 10 } = {}): Promise<string> {
  const { addon, problem } = findAddon();
  if (!addon) return `left out: ${problem}`;
  const { benchmarkProduct } = addon as {
    benchmarkProduct: (args: { m: number; n: number; k: number; repeats: number }) => number;
  };
  const rows: string[][] = [];
  for (const precision of ['float32', 'bf16'] as const) {
    for (const threads of [1, 2]) {
      await useBackend('scmoe', { threads, precision });
      for (const [m, n, k] of productShapes) {
        const a = tf.fill([m, k], 0.5);
        const b = tf.fill([k, n], 0.5);
        const perCall = () => {
          const begin = performance.now();
          for (let i = 0; i < calls; i++) tf.matMul(a, b).dispose();
          return (performance.now() - begin) / 1000 / calls;
        };
        perCall();
        const seconds = await alternate(
          [
            { name: 'tf', run: perCall },
            { name: 'c++', run: () => benchmarkProduct({ m, n, k, repeats: calls }) },
          ],
          rounds,
        );
        const ours = median(seconds.get('tf')!);
        const native = median(seconds.get('c++')!);
        const rate = (time: number) => ((2 * m * n * k) / time / 1e9).toFixed(0);
        rows.push([
          precision,
          String(threads),
          `${m} x ${n} x ${k}`,
          rate(native),
          rate(ours),
          `${((100 * native) / ours).toFixed(0)} %`,
        ]);
        tf.dispose([a, b]);
      }
    }
  }
  return table(['precision', 'threads', 'm x n x k', 'C++ GFLOP/s', 'tf.matMul GFLOP/s', 'ratio'], rows);
}
