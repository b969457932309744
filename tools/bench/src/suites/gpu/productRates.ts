import { compileStep, TensorFlowBackend, type ProductPrecision } from '@scmoe/tensorflow';
import * as tf from '@tensorflow/tfjs';

import { table } from '../../table.js';
import type { PeakRates } from './peakRates.js';

/** Products in one call: each reads what the one before gave. */
const chain = 8;
/** Calls before any is timed: the eager one, the compilation, the comparisons of the 2nd and 4th. */
const warmUp = 6;

/** Square products in compiled steps, float32 and with operands rounded to bf16, beside the peak. @returns a table */
export function productRates({
  size,
  calls,
  peaks,
}: {
  size: number;
  calls: number;
  peaks: PeakRates | undefined;
}): string {
  const rows = (['float32', 'bf16'] as const).map((precision) => {
    const rate = (chain * 2 * size ** 3) / bestSeconds(precision, size, calls);
    const share = peaks ? `${((100 * rate) / peaks[precision]).toFixed(0)} %` : '-';
    return [
      precision,
      `${size} x ${size}`,
      (rate / 1e12).toFixed(size < 1000 ? 3 : 1),
      peakText(peaks, precision),
      share,
    ];
  });
  return table(['product', 'size', 'TFLOP/s', 'peak', 'share'], rows);
}

function bestSeconds(precision: ProductPrecision, size: number, calls: number): number {
  const backend = tf.backend() as TensorFlowBackend;
  const before = backend.products;
  backend.products = precision;
  // Orthogonal in the mean: what comes out is as large as what goes in.
  const [a, b] = [1, 1 / Math.sqrt(size)].map((deviation) => tf.randomNormal<tf.Rank.R2>([size, size], 0, deviation));
  const step = compileStep((x: tf.Tensor2D, y: tf.Tensor2D) => {
    let product = x;
    for (let i = 0; i < chain; i++) product = tf.matMul(product, y);
    return product.sum();
  });
  try {
    let best = Infinity;
    for (let call = 0; call < warmUp + calls; call++) {
      const start = performance.now();
      const sum = step(a!, b!);
      sum.dataSync();
      sum.dispose();
      if (call >= warmUp) best = Math.min(best, (performance.now() - start) / 1000);
    }
    return best;
  } finally {
    backend.products = before;
    step.dispose();
    tf.dispose([a!, b!]);
  }
}

function peakText(peaks: PeakRates | undefined, precision: ProductPrecision): string {
  return peaks ? `${(peaks[precision] / 1e12).toFixed(0)}` : '-';
}
