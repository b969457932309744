import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';

import * as tf from '@tensorflow/tfjs';

import { findAddon, useBackend } from '../index.js';

const native = findAddon().problem === undefined;

/** What TF.js takes by itself, as in a program that has asked for no backend. */
async function chosenByTfjs(): Promise<string> {
  tf.engine().reset();
  await tf.ready();
  return tf.getBackend();
}

describe('a program that imports the package and asks for no backend', () => {
  it('runs on native kernels where it would have run on cpu', async () => {
    expect(await chosenByTfjs()).toBe(native ? 'scmoe' : 'cpu');
  });

  it('keeps wasm where it has brought that, for its convolutions may depend on it', async () => {
    const packageName = '@tensorflow/tfjs-backend-wasm';
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    const folder = dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`));
    setWasmPaths(join(folder, 'dist') + sep);
    expect(await chosenByTfjs()).toBe('wasm');
    expect((await useBackend('auto', { threads: 1 })).backend).toBe(native ? 'scmoe' : 'wasm');
  });
});
