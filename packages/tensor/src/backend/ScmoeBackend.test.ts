import { jest } from '@jest/globals';
import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { backendName, findAddon } from '../index.js';

describeUnless(findAddon().problem, 'scmoe backend', () => {
  beforeAll(() => tf.setBackend(backendName));

  it('runs the JavaScript kernel where there is no native one, on native memory', async () => {
    const javaScript = jest.spyOn(tf.getKernel('Cumprod', 'cpu'), 'kernelFunc');
    const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    const { bytesInUse } = tf.memory() as tf.MemoryInfo & { bytesInUse: number };
    const y = tf.cumprod(x, 1);
    expect(await y.data()).toEqual(Float32Array.of(1, 2, 3, 12));
    expect(javaScript.mock.calls.map(([{ backend }]) => backend)).toEqual([tf.backend()]);
    expect((tf.memory() as tf.MemoryInfo & { bytesInUse: number }).bytesInUse).toBeGreaterThan(bytesInUse);
    javaScript.mockRestore();
  });

  it('runs the native kernel where there is one', async () => {
    const javaScript = jest.spyOn(tf.getKernel('BatchMatMul', 'cpu'), 'kernelFunc');
    const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    expect(await tf.matMul(x, x).data()).toEqual(Float32Array.of(7, 10, 15, 22));
    expect(javaScript).not.toHaveBeenCalled();
    javaScript.mockRestore();
  });

  it('copies what is large by a kernel, odd lengths and parts of an array as well', () => {
    const values = Float32Array.from({ length: 2 ** 18 + 9 }, (_, i) => i);
    const part = values.subarray(3, 2 ** 18 + 8);
    const x = tf.tensor1d(part);
    values.fill(0);
    const read = x.dataSync();
    expect(read).toHaveLength(2 ** 18 + 5);
    expect(read.every((value, i) => value === i + 3)).toBe(true);
    x.dispose();
  });

  it('lets a caller keep what it read after the tensor is gone', () => {
    const x = tf.tensor1d([1, 2, 3]);
    const read = x.dataSync();
    x.dispose();
    tf.tensor1d([7, 8, 9]);
    expect(read).toEqual(Float32Array.of(1, 2, 3));
  });

  it('reports its memory through tf.memory()', () => {
    const before = tf.memory() as tf.MemoryInfo & { bytesInUse: number };
    const x = tf.zeros([1000]);
    const during = tf.memory() as typeof before;
    expect(during.unreliable).toBe(false);
    expect(during.bytesInUse - before.bytesInUse).toBeGreaterThanOrEqual(4000);
    x.dispose();
    expect((tf.memory() as typeof before).bytesInUse).toBe(before.bytesInUse);
  });

  it('takes tensors over from another backend, complex ones as well', async () => {
    await tf.setBackend('cpu');
    const z = tf.complex([1, 2], [3, 4]);
    const x = tf.tensor1d([1, 2, 3]);
    await tf.setBackend(backendName);
    expect(await tf.add(x, 1).data()).toEqual(Float32Array.of(2, 3, 4));
    expect(await tf.imag(z).data()).toEqual(Float32Array.of(3, 4));
    expect(await z.data()).toEqual(Float32Array.of(1, 3, 2, 4));
  });

  it('survives JavaScript kernels that read a temporary after they disposed it', async () => {
    const z = tf.complex([1, 2, 3, 4], [0, 0, 0, 0]);
    const there = await tf.real(tf.ifft(tf.fft(z))).data();
    expect(Array.from(there, Math.round)).toEqual([1, 2, 3, 4]);
  });

  it('gives a widened tensor an array of its own dtype', async () => {
    const ids = tf.tensor1d([1, 2], 'int32');
    const before = tf.backend().numDataIds();
    const x = ids.toFloat();
    expect(tf.backend().numDataIds()).toBe(before + 1);
    expect(await x.data()).toBeInstanceOf(Float32Array);
  });
});
