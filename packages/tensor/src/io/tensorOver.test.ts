import { ArgumentError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { linear, tensorOver } from '../index.js';
import { availableBackends } from '../testing/backends.js';

describe.each(availableBackends())('tensorOver on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it('is a tensor of what shared memory holds', () => {
    const memory = new Float32Array(new SharedArrayBuffer(24)).fill(1);
    memory[5] = 7;
    const weight = tensorOver(memory, [3, 2]);
    const y = linear(tf.tensor2d([[1, 2, 3]]), weight);
    expect(Array.from(y.dataSync())).toEqual([6, 24]);
    tf.dispose([weight, y]);
  });

  it('leaves the memory to the caller when it is disposed', () => {
    const memory = new Float32Array([1, 2, 3, 4]);
    const before = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) tensorOver(memory, [4]).dispose();
    // Memory that the backend took for its own would be handed out for this one, and be overwritten.
    const others = [tf.fill([4], 9), tf.fill([4], 9)];
    expect(Array.from(memory)).toEqual([1, 2, 3, 4]);
    tf.dispose(others);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('wants as many values as the shape has', () => {
    expect(() => tensorOver(new Float32Array(5), [2, 3])).toThrow(ArgumentError);
    expect(() => tensorOver(new Float32Array(5), [2, 3])).toThrow(
      'values: expected 6, as many as the shape (2, 3) has, got 5',
    );
  });
});
