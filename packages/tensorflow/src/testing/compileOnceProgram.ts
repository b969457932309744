// A process that compiles one step and says what it gives: for tests of what XLA keeps of it.
import * as tf from '@tensorflow/tfjs';

import { registerBackend } from '../backend/registerBackend.js';
import { compileStep } from '../compile/compileStep.js';

registerBackend({ threads: 1 });
await tf.setBackend('tensorflow');
const step = compileStep((x: tf.Tensor) => tf.tidy(() => tf.sum(tf.mul(x, x))), { eagerFirst: false });
console.log(step(tf.tensor1d([3, 4])).dataSync()[0]);
