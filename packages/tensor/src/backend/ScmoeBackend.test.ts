import * as tf from '@tensorflow/tfjs';

import { backendName, findAddon } from '../index.js';

const native = findAddon();
(native.addon ? describe : describe.skip)(
  `scmoe backend${native.problem ? ` (skipped: ${native.problem})` : ''}`,
  () => {
    beforeAll(() => tf.setBackend(backendName));

    it('computes with the JavaScript kernels on native memory', async () => {
      const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
      expect(await tf.matMul(x, x).data()).toEqual(Float32Array.of(7, 10, 15, 22));
    });

    it('lets a caller keep what it read after the tensor is gone', () => {
      const x = tf.tensor1d([1, 2, 3]);
      const read = x.dataSync();
      x.dispose();
      tf.tensor1d([7, 8, 9]);
      expect(read).toEqual(Float32Array.of(1, 2, 3));
    });
  },
);
