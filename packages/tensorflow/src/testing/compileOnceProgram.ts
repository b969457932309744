// A process that compiles one step and says what it gives: for tests of what XLA keeps of it.
import { groupedFfn } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { registerBackend } from '../backend/registerBackend.js';
import { compileStep } from '../compile/compileStep.js';

registerBackend({ threads: 1 });
await tf.setBackend('tensorflow');
const experts = { w1: tf.ones([2, 2, 3]), w2: tf.ones([2, 3, 2]) };
// Experts are called from the compiled step, by a name that what is kept has to find again.
const step = compileStep(
  (x: tf.Tensor, counts: tf.Tensor) =>
    tf.tidy(() => tf.sum(groupedFfn(tf.mul(x, 2), counts, experts, { activation: 'gelu' }))),
  { eagerFirst: false },
);
const rows = tf.tensor2d([2, 3, 2, 3, 2, 3, 2, 3], [4, 2]);
console.log(step(rows, tf.tensor1d([3, 1], 'int32')).dataSync()[0]); // 4 rows of 2, each 3 times gelu(10)
