// One process that times products, kernels and convolutions on our backend: a line `time N` is answered with the seconds of
// one call of case N of those that its first line names.
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

import { useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { secondsNow } from '../secondsNow.js';
import { imageCases } from '../suites/regression/imageCases.js';
import { kernelCases } from '../suites/kernelCases.js';
import { productShapes } from '../suites/products.js';

const { values: options } = parseArgs({
  options: { threads: { type: 'string', default: '1' }, precision: { type: 'string', default: 'float32' } },
});
/** A measurement is at least as long, so that the clock and a call's own price don't matter. */
const leastSeconds = 0.02;

interface Timed {
  name: string;
  /** Makes the operands, and what works on them once. */
  prepare: () => { inputs: tf.Tensor[]; run: () => unknown };
}

const { precision, threads } = await useBackend('scmoe', {
  threads: Number(options.threads),
  precision: options.precision as 'float32' | 'bf16',
});
const timed: Timed[] = [
  ...productShapes.map(([m, n, k]) => ({
    name: `product ${m} x ${n} x ${k}`,
    prepare: () => {
      const inputs = [tf.fill([m, k], 0.5), tf.fill([k, n], 0.5)];
      return { inputs, run: () => tf.matMul(inputs[0]!, inputs[1]!) };
    },
  })),
  ...[...kernelCases, ...imageCases].flatMap((makeCase) => {
    const { name, inputs } = makeCase();
    tf.dispose(inputs);
    return [
      {
        name,
        prepare: () => {
          const { fused, inputs } = makeCase();
          return { inputs, run: () => fused(...inputs) };
        },
      },
      {
        name: `${name}, with gradients`,
        prepare: () => {
          const { fused, inputs } = makeCase();
          return { inputs, run: () => tf.grads((...xs: tf.Tensor[]) => tf.sum(fused(...xs)))(inputs) };
        },
      },
    ];
  }),
];
console.log(JSON.stringify({ ready: true, version: `${precision}, ${threads}`, cases: timed.map(({ name }) => name) }));

for await (const line of createInterface({ input: process.stdin })) {
  const [command, number] = line.split(' ');
  if (command !== 'time') break;
  console.log(JSON.stringify(secondsOf(timed[Number(number)]!)));
}
process.exit(0);

function secondsOf({ prepare }: Timed): { seconds: number } | { problem: string } {
  try {
    const { inputs, run } = prepare();
    tf.tidy(() => void run());
    let calls = 0;
    const begin = secondsNow(threads);
    let seconds = 0;
    while (seconds < leastSeconds || calls < 3) {
      tf.tidy(() => void run());
      calls++;
      seconds = secondsNow(threads) - begin;
    }
    tf.dispose(inputs);
    return { seconds: seconds / calls };
  } catch (error) {
    return { problem: (error as Error).message.split('\n')[0]! };
  }
}
