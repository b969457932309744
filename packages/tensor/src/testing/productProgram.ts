// Makes a float32 product on the scmoe backend, asked for bf16, and prints what was used and what came out as one line of JSON.
import * as tf from '@tensorflow/tfjs';

import { useBackend } from '../index.js';

const { line } = await useBackend('scmoe', { threads: 1, precision: 'bf16' });
const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
console.log(JSON.stringify({ line, product: Array.from(await tf.matMul(x, x).data()) }));
