import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { jest } from '@jest/globals';
import { fromSource } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { openTensorFlow } from '../install/openTensorFlow.js';
import { describeWithTensorFlow } from '../testing/describeWithTensorFlow.js';
import { registerBackend } from './registerBackend.js';
import type { TensorFlowBackend } from './TensorFlowBackend.js';

describeWithTensorFlow('backend tensorflow', () => {
  beforeAll(async () => {
    registerBackend({ threads: 1 });
    await tf.setBackend('tensorflow');
  });

  const backend = () => tf.backend() as TensorFlowBackend;
  const valuesOf = (make: () => tf.Tensor) => Array.from(tf.tidy(make).dataSync());

  it('differentiates as TF.js does, through kernels that give their argument back', () => {
    const gradient = tf.grad((x: tf.Tensor) => x.square().clone().reshape([2, 1]).cast('float32').sum());
    expect(valuesOf(() => gradient(tf.tensor1d([1, -2])))).toEqual([2, -4]);
  });

  it('gathers and one-hot encodes by indices that nobody reads on the way', () => {
    const table = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
    const indices = tf.tensor1d([2, 0], 'int32').add<tf.Tensor1D>(tf.scalar(0, 'int32'));
    const { executor } = backend();
    const read = jest.spyOn(executor, 'read');
    const [rows, hot] = [tf.gather(table, indices), tf.oneHot(indices, 3)];
    expect(read).not.toHaveBeenCalled();
    read.mockRestore();
    expect(Array.from(rows.dataSync())).toEqual([5, 6, 1, 2]);
    expect(Array.from(hot.dataSync())).toEqual([0, 0, 1, 1, 0, 0]);
    tf.dispose([table, indices, rows, hot]);
  });

  it('makes the scalars of a program once, and leaves nothing over a thousand steps', () => {
    const x = tf.tensor1d(Float32Array.from({ length: 32 }, (_, i) => i));
    const step = () =>
      tf.tidy(() => {
        tf.mul(tf.add(x, tf.scalar(0.25)), tf.scalar(2)).mean();
      });
    step();
    const create = jest.spyOn(backend().executor, 'createTensor');
    const [tensors, handles] = [tf.memory().numTensors, openTensorFlow().liveTensors()];
    for (let i = 0; i < 1000; i++) step();
    expect(create).not.toHaveBeenCalled();
    create.mockRestore();
    expect([tf.memory().numTensors, openTensorFlow().liveTensors()]).toEqual([tensors, handles]);
    x.dispose();
  });

  it('runs what TensorFlow has no operation for by the kernels of TF.js', () => {
    expect(valuesOf(() => tf.unique(tf.tensor1d([3, 1, 3])).values)).toEqual([3, 1]);
    const words = tf.concat([tf.tensor1d(['a', 'b']), tf.tensor1d(['c'])]);
    expect(words.dataSync()).toEqual(['a', 'b', 'c']);
    words.dispose();
  });

  it('rounds products to bf16 where it is told to', () => {
    // 1 + 2^-10 has more bits than bf16's 8.
    const product = () => valuesOf(() => tf.matMul(tf.fill([1, 1], 1 + 2 ** -10), tf.ones([1, 1])));
    expect(product()).toEqual([1 + 2 ** -10]);
    backend().products = 'bf16';
    expect(product()).toEqual([1]);
    backend().products = 'float32';
  });

  it('frees what a kernel has made when TensorFlow refuses, and says which operation and shapes', () => {
    const handles = openTensorFlow().liveTensors();
    const x = tf.tensor2d(new Float32Array(40), [4, 10]);
    x.add(0).dispose();
    expect(() => backend().scope(() => backend().run('MatMul', [backend().run('Neg', [x]), x]))).toThrow(
      /^MatMul\(float32\[4,10\], float32\[4,10\]\): Matrix size-incompatible/,
    );
    x.dispose();
    // The one constant, 0, is kept.
    expect(openTensorFlow().liveTensors() - handles).toBeLessThanOrEqual(1);
  });

  it('says which operation has no memory for its result, and goes on', () => {
    const handles = openTensorFlow().liveTensors();
    const column = tf.ones([2 ** 21, 1]);
    expect(() => tf.matMul(column, column, false, true)).toThrow(
      /^BatchMatMulV2\(float32\[2097152,1\], float32\[2097152,1\]\): OOM when allocating tensor with shape\[2097152,2097152\]/,
    );
    column.dispose();
    expect(valuesOf(() => tf.add(tf.scalar(1), tf.scalar(2)))).toEqual([3]);
    // The scalars are kept.
    expect(openTensorFlow().liveTensors() - handles).toBeLessThanOrEqual(4);
  });

  it('refuses a GPU that is asked for and is not there', () => {
    const folder = join(import.meta.dirname, '..', 'install', 'openTensorFlow.ts');
    const program = `
      import { openTensorFlow } from ${JSON.stringify(folder)};
      try { openTensorFlow({ gpu: 63 }); console.log('opened'); }
      catch (error) { console.log(error.message); }`;
    const { stdout } = spawnSync(process.execPath, [...fromSource, '--input-type=module', '-e', program], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    expect(stdout).toMatch(
      /^gpu: 63: TensorFlow 2\.\d+\.\d+ sees no such GPU; `npx scmoe tensorflow doctor` says|invalid.* 63/,
    );
  });
});
