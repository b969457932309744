import * as tf from '@tensorflow/tfjs';

import { freeTensorCache, linear, stepMemory, tensorMemory, useBackend } from '../index.js';

const product = () => tf.tidy(() => linear(tf.ones([64, 32]), tf.ones([32, 64])).dispose());

describe('memory of a step', () => {
  beforeAll(async () => {
    await useBackend('scmoe', { threads: 1 });
  });

  it('is the most that its tensors take at one time, and what the process has for them', async () => {
    const step = () => {
      const [x, y] = [tf.zeros([256]), tf.zeros([1024])];
      tf.dispose([x, y]);
      tf.dispose([tf.zeros([256]), tf.zeros([512])]);
    };
    const bytes = 4 * (256 + 1024);
    expect(await stepMemory(step)).toEqual({ peakBytes: bytes, reservedBytes: bytes + 4 * 512 });
  });

  it('is found without computing, and tensors from before are computed with afterwards as ever', async () => {
    const x = tf.tensor1d([1, 2, 3]);
    const held = tensorMemory()!;
    let seen: Float32Array | undefined;
    const step = async () => {
      const y = tf.mul(x, 2);
      await Promise.resolve();
      seen = y.dataSync<'float32'>();
      y.dispose();
    };
    await stepMemory(step);
    expect(seen).not.toEqual(Float32Array.of(2, 4, 6));
    await stepMemory(step, { isDry: false });
    expect(seen).toEqual(Float32Array.of(2, 4, 6));
    expect(tensorMemory()).toEqual(held);
    x.dispose();
    product();
    expect(tensorMemory()!.reservedBytes).toBeGreaterThan(tensorMemory()!.bytes);
    freeTensorCache();
    expect(tensorMemory()!.reservedBytes).toBe(tensorMemory()!.bytes);
  });

  it('refuses a step that leaves tensors behind, and one within another, and computes again after it', async () => {
    const left: tf.Tensor[] = [];
    await expect(stepMemory(() => void left.push(tf.zeros([16])))).rejects.toThrow(
      /^stepMemory: expected the step to dispose all tensors that it makes, got 64 bytes that are left$/,
    );
    tf.dispose(left);
    await expect(stepMemory(() => stepMemory(() => undefined).then(() => undefined))).rejects.toThrow(
      /^stepMemory: expected no step within another one or within a capture$/,
    );
    await expect(stepMemory(() => Promise.reject(new Error('of the step')))).rejects.toThrow('of the step');
    expect(tf.tidy(() => tf.add(tf.tensor1d([1]), 1).dataSync()[0])).toBe(2);
  });

  it('is not known on another backend', async () => {
    await useBackend('cpu');
    await expect(stepMemory(() => undefined)).rejects.toThrow(/^stepMemory: expected the backend scmoe, got cpu$/);
    expect(tensorMemory()).toBeUndefined();
    await useBackend('scmoe', { threads: 1 });
  });
});
