import { groupedFfn, linear, useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { alternate } from '../alternate.js';
import { median } from '../statistics.js';
import { table } from '../table.js';

const numExperts = 8;
const [d, hidden] = [512, 2048];
const rowsOfExpert = [1, 4, 16, 64, 256];
const stages = [1, 2, 4, 8];

/** Weights of experts, stacked: (n, d, f), (n, f), (n, f, d), (n, d). */
type Weights = {
  w1: tf.Tensor;
  b1: tf.Tensor;
  w2: tf.Tensor;
  b2: tf.Tensor;
};

function weightsOf(n: number): Weights {
  return {
    w1: tf.randomNormal([n, d, hidden], 0, 0.02),
    b1: tf.zeros([n, hidden]),
    w2: tf.randomNormal([n, hidden, d], 0, 0.02),
    b2: tf.zeros([n, d]),
  };
}

/**
 * Experts' products in one call for those of a stage against one call for each product (EPS-MoE's loop-or-grouped switch, arXiv
 * 2410.12247): forward, by rows of an expert, stages and threads.
 */
export async function groupedSuite({ rounds = 15 } = {}): Promise<string> {
  const lines: string[][] = [];
  for (const threads of [1, 2]) {
    await useBackend('scmoe', { threads });
    const stacked = stages.map((count) => Array.from({ length: count }, () => weightsOf(numExperts / count)));
    const single = Array.from({ length: numExperts }, () => {
      const { w1, b1, w2, b2 } = weightsOf(1);
      return { w1: squeezed(w1), b1: squeezed(b1), w2: squeezed(w2), b2: squeezed(b2) };
    });
    for (const rows of rowsOfExpert) {
      const calls = Math.max(1, Math.round(8 / rows));
      const timed = (name: string, run: () => void) => ({
        name,
        run: () => {
          const begin = performance.now();
          for (let i = 0; i < calls; i++) run();
          return (performance.now() - begin) / calls;
        },
      });
      const grouped = stacked.map((parts, i) => {
        const inStage = numExperts / stages[i]!;
        const x = tf.randomNormal([inStage * rows, d]);
        const counts = tf.fill([inStage], rows, 'int32');
        return timed(`grouped, ${stages[i]}`, () => {
          for (const part of parts) groupedFfn(x, counts, part, { activation: 'gelu' }).dispose();
        });
      });
      const x = tf.randomNormal([rows, d]);
      const loop = timed('loop', () => {
        for (const { w1, b1, w2, b2 } of single)
          tf.tidy(() => void linear(linear(x, w1, b1, { activation: 'gelu' }), w2, b2));
      });
      const contenders = [...grouped, loop];
      await alternate(contenders, 1);
      const times = await alternate(contenders, rounds);
      const ms = contenders.map(({ name }) => median(times.get(name)!));
      const looped = ms.at(-1)!;
      lines.push([
        String(threads),
        String(rows),
        ...ms.map((time) => `${time.toFixed(2)} ms`),
        `${(looped / ms[0]!).toFixed(2)}x`,
      ]);
    }
    tf.dispose([stacked, single]);
  }
  const columns = stages.map((count) => (count === 1 ? 'grouped, 1 stage' : `${count} stages`));
  const header = ['threads', 'rows of an expert', ...columns, 'loop of products', 'loop / grouped'];
  return `${numExperts} experts, width ${d}, hidden width ${hidden}, GELU, float32; forward.\n\n${table(header, lines)}`;
}

function squeezed(stack: tf.Tensor): tf.Tensor {
  return tf.reshape(stack, stack.shape.slice(1));
}
