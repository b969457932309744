import * as tf from '@tensorflow/tfjs';

import { copyBytes } from '../index.js';
import { availableBackends } from '../testing/backends.js';

describe.each(availableBackends())('copyBytes on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it.each<[string, () => tf.Tensor]>([
    ['float32', () => tf.tensor2d([1.5, -2, NaN, 0], [2, 2])],
    ['int32', () => tf.tensor1d([1, -2, 2 ** 30], 'int32')],
    ['bool', () => tf.tensor1d([true, false, true], 'bool')],
    ['a view in another shape', () => tf.reshape(tf.tensor1d([1, 2, 3, 4, 5, 6]), [3, 2])],
    ['nothing', () => tf.zeros([0, 3])],
  ])('copies %s as data() gives it', async (_, make) => {
    const tensor = make();
    const expected = new Uint8Array((await tensor.data()).buffer);
    const target = new Uint8Array(new SharedArrayBuffer(expected.length));
    await copyBytes(tensor, target);
    tensor.dispose();
    expect(Array.from(target)).toEqual(Array.from(expected));
  });

  it('copies more than one thread takes, to any address, and nothing beside it', async () => {
    const tensor = tf.randomUniform([300_001], -1, 1, 'float32', 7);
    const expected = new Uint8Array((await tensor.data()).slice().buffer);
    for (const offset of [0, 1, 63]) {
      const memory = new Uint8Array(new SharedArrayBuffer(expected.length + 128)).fill(171);
      await copyBytes(tensor, memory.subarray(offset, offset + expected.length));
      const around = Buffer.concat([Buffer.alloc(offset, 171), expected, Buffer.alloc(128 - offset, 171)]);
      expect(around.equals(memory)).toBe(true);
    }
    tensor.dispose();
  });

  it('refuses memory of another size', async () => {
    await expect(copyBytes(tf.ones([3]), new Uint8Array(8))).rejects.toThrow(
      'target: expected the 12 bytes of the tensor, got 8',
    );
  });
});
